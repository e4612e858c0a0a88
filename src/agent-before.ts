// A disk that came into other hardware begins as nobody's: there the image's `tell-hardware` has set aside what ran before.
//
//   DIR/before/settings.yaml    the settings
//   DIR/before/identity.json    the id that was drawn
//
// The settings become an entry of the history, from which people go back to them, under the old name by its own words. An issue says so until somebody
// has gone on from there: as the box that was, or set up as another. Then the folder goes: another move sets aside what runs then.
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { namedSettings } from './agent-named.ts'
import type { Settings } from './core/settings.ts'
import type { Logger } from './core/source.ts'
import type { Issue } from './core/status.ts'
import { writeWhole } from './machine/whole-file.ts'
import { openHistory, revisionOf } from './settings/history.ts'

export interface Before {
  /** The settings in force; while they wait for a confirmation they may go back, and nothing is removed. */
  look(settings: Settings, isWaiting: boolean): void
  issues(): readonly Issue[]
}

export interface BeforeParts {
  /** The settings file. */
  readonly file: string
  /** DIR. */
  readonly dir: string
  readonly logger: Logger
  /** Microseconds. */
  now(): number
}

/** Before the settings that begin are entered into their history: what ran before stands behind them. */
export async function openBefore({ file, dir, logger, now }: BeforeParts): Promise<Before> {
  const folder = join(dir, 'before')
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => undefined)
  const [text, identity] = [await read('settings.yaml'), await read('identity.json')]
  if (text === undefined && identity === undefined) return { look() {}, issues: () => [] }
  const it = await namedSettings(text ?? '', drawnId(identity))
  const revision = text === undefined ? undefined : revisionOf(it.text)
  if (revision !== undefined)
    await enter(revision).catch((error: Error) =>
      logger.warn({}, `the settings from other hardware cannot be entered into the history: ${error.message}`),
    )
  let isOver = false
  let isGone = false

  async function enter(entered: string): Promise<void> {
    const history = openHistory(dir, writeWhole)
    const [note, all] = [`of ${it.id}, in other hardware`, await history.entries()]
    if (all.some((one) => one.revision === entered && one.note === note)) return
    await history.add({ revision: entered, at: now(), by: 'holdfast', note }, it.text)
    // What begins comes after it: an entry behind the one in force counts as taken back.
    const begins = await readFile(file, 'utf8')
    if (await history.text(revisionOf(begins))) await history.add({ revision: revisionOf(begins), at: now(), by: 'file' }, begins)
  }

  return {
    look({ device, sources, uplinks }, isWaiting) {
      isOver = device.id === it.id || sources.length > 0 || uplinks.length > 0
      if (!isOver || isWaiting || isGone) return
      isGone = true
      rm(folder, { recursive: true, force: true }).catch((error: Error) => {
        isGone = false
        logger.warn({}, `what ran in other hardware cannot be removed: ${error.message}`)
      })
    },
    issues: () => (isOver ? [] : [issueOf(it.id, revision)]),
  }
}

function drawnId(identity = ''): string {
  try {
    const { id } = JSON.parse(identity) as { id?: unknown }
    if (typeof id === 'string') return id
  } catch {
    // Said below.
  }
  return 'another box'
}

function issueOf(id: string, revision: string | undefined): Issue {
  const back =
    revision === undefined
      ? ''
      : `To go on as ${id}, go back to its settings (Settings, history; holdfast settings revert ${revision.slice(0, 12)}), but only where no box runs as ${id} any more. `
  return {
    code: 'other-hardware',
    severity: 'warning',
    of: id,
    text: `this disk was ${id} in other hardware`,
    remedy: `${back}To be a new box, reset it to its first state: set up as it is, it also sends what ${id} had not sent, under that name`,
  }
}
