// Updates at the serial line: how they stand, a bundle from the stick, the server asked now; and the slot that was there before.
import { readdirSync } from 'node:fs'
import { Unreachable } from '../../core/errors.ts'
import type { UpdatePhase, UpdateStatus } from '../../core/update.ts'
import { UPDATER_AWAY_MS_MAX } from '../../commands/update-install.ts'
import { jobText, updatePage } from '../../commands/update-page.ts'
import type { Item, Session } from '../parts.ts'
import { choice, nameTyped, yes } from '../questions.ts'
import { stickMissing, withStick } from '../stick.ts'

const LOOK_MS = 1_000
const AWAY = 'the updater does not answer: it starts anew, or the box does'
const LOST = 'the updater does not answer any more; item 11 says how it ended, once it does'
/** From then on it is another start of the box, which may be over before anybody looked again. */
const DOWN: ReadonlySet<UpdatePhase> = new Set(['reboot', 'try'])
const BUNDLE = /^[0-9A-Za-z][0-9A-Za-z._+-]*\.raucb$/

const missing = ({ hasUpdater }: Session): string | undefined => (hasUpdater ? undefined : 'no updater answers')

export const update: Item = {
  number: 11,
  title: 'Update from USB / check server',
  missing,
  async run(session) {
    const { terminal, parts, person } = session
    const now = await parts.updater.status()
    await terminal.print(updatePage(now, Date.now() * 1000))
    const hasStick = stickMissing(session) === undefined
    await terminal.print([
      ...(hasStick ? [' u) install a bundle from the stick'] : []),
      ...(now.server ? [' c) ask the server now'] : []),
      ...(now.job || now.server?.asks ? [' k) install now what waits'] : []),
      ...(now.job ? [' x) take it back'] : []),
    ])
    const what = await terminal.ask('Which (Enter: none): ')
    if (what === 'u' && hasStick) return fromStick(session)
    if (what === 'c') return say(session, await terminal.during(() => parts.updater.check()))
    if (what !== 'k' && what !== 'x') return 'menu'
    parts.access.audit(what === 'k' ? 'update confirm' : 'update cancel', person.name, {})
    const done = what === 'k' ? parts.updater.confirm(person.name) : parts.updater.cancel(person.name)
    await say(session, await done)
  },
}

async function say({ terminal }: Session, now: UpdateStatus): Promise<void> {
  await terminal.print(updatePage(now, Date.now() * 1000))
}

async function fromStick(session: Session): Promise<void> {
  const { terminal, parts, person } = session
  await withStick(session, false, async (path) => {
    const names = readdirSync(path).filter((it) => BUNDLE.test(it))
    if (names.length === 0) return terminal.print(['no file on it ends in .raucb'])
    const name = await choice(terminal, names, 'Which')
    if (name === undefined || !(await yes(terminal, `Install ${name} and start anew with it?`))) return
    parts.access.audit('update install', person.name, { name })
    await parts.updater.install({ stick: name }, person.name)
    await follow(session)
  })
}

/** The stick is read while it is installed: it stays in until that is over. */
async function follow({ terminal, parts }: Session): Promise<void> {
  await terminal.during(async (signal) => {
    let goneSince: number | undefined
    for (let last = ''; !signal.aborted; ) {
      const now = await parts.updater.status().catch((error: unknown) => {
        if (error instanceof Unreachable) return undefined
        throw error
      })
      if (!now) goneSince ??= performance.now()
      else goneSince = undefined
      const isLost = goneSince !== undefined && performance.now() - goneSince > UPDATER_AWAY_MS_MAX
      const isOver = isLost || (now !== undefined && (!now.job || DOWN.has(now.job.phase)))
      const text = now ? (now.job && !isOver ? jobText(now.job) : endText(now)) : isLost ? LOST : AWAY
      if (text !== last) await terminal.flow([text])
      last = text
      if (isOver) return
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  })
}

function endText(now: UpdateStatus): string {
  if (now.job) return 'installed; the box starts anew with it'
  return now.last ? `${now.last.outcome}: ${now.last.text}` : 'nothing was installed'
}

export const bootOtherSlot: Item = {
  number: 12,
  title: 'Boot other slot',
  missing,
  async run(session) {
    const { terminal, parts, person } = session
    const { slots } = await parts.updater.status()
    const other = slots.find((it) => !it.isBooted)
    if (!other?.isGood) return terminal.print([other ? `slot ${other.name} holds nothing that boots` : 'this box has one slot'])
    if (!(await nameTyped(session, `starts the box anew with slot ${other.name}, ${other.version ?? 'as it left the factory'}`)))
      return
    parts.access.audit('update rollback', person.name, { slot: other.name })
    await parts.updater.rollBack(person.name)
    await terminal.print(['the box starts anew with the other slot'])
  },
}
