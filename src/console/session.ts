// One log-in after the other: banner, name and password, the menu; out again by 0, Ctrl-D, silence or a hang-up.
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'
import type { OperatorRole } from '../core/operator.ts'
import { bannerLines, bannerView } from './banner.ts'
import { Left } from './keys.ts'
import { ITEMS, menuLines } from './menu.ts'
import type { ConsoleParts, Person, Session } from './parts.ts'
import { newPassword } from './questions.ts'
import type { Terminal } from './terminal.ts'

const ALLOWED: ReadonlySet<OperatorRole> = new Set(['technician', 'admin'])

/** Until nobody is there any more. */
export async function runSessions(terminal: Terminal, parts: ConsoleParts, idleMs: number): Promise<void> {
  for (;;) {
    try {
      terminal.setIdle(Number.POSITIVE_INFINITY)
      const person = await logIn(terminal, parts)
      if (!person) continue
      terminal.setIdle(idleMs)
      const verbs = await parts.host.verbs().catch(() => [])
      const hasUpdater = await parts.updater.status().then(
        () => true,
        () => false,
      )
      await session({ terminal, parts, person, verbs, hasUpdater })
    } catch (error) {
      if (!(error instanceof Left)) await terminal.flow(errorLines(error))
      else if (error.how === 'gone') return
    }
  }
}

/** A disk that fails must neither keep anybody out nor fill the line without end: what cannot be told is said, and the prompt comes. */
async function banner(parts: ConsoleParts): Promise<string[]> {
  try {
    return bannerLines(await bannerView(parts), Date.now() * 1000)
  } catch (error) {
    return ['HOLDFAST  PROBLEM: this box cannot say how it is', ...errorLines(error)]
  }
}

/** Where nobody can say, the prompt is that of every day: what is typed there is checked anyway. */
function claimed(access: ConsoleParts['access']): boolean {
  try {
    return access.isClaimed()
  } catch {
    return true
  }
}

async function logIn(terminal: Terminal, parts: ConsoleParts): Promise<Person | undefined> {
  const { access } = parts
  await terminal.flow(['', ...(await banner(parts)), ''])
  const isClaimed = claimed(access)
  const hint = isClaimed ? 'Name (or: reset, with the claim code): ' : 'Name (or: claim): '
  const name = await terminal.ask(hint)
  if (name === '') return undefined
  if (name === 'reset' && isClaimed) return reset(terminal, parts)
  if (name === 'claim' && !isClaimed) return claim(terminal, parts)
  const password = await terminal.askSecret('Password: ')
  const person = await terminal.during(() => access.logIn(name, password))
  if (ALLOWED.has(person.role)) return person
  person.logOut()
  throw new BadInput([{ where: name, text: 'the console is for technicians and admins' }])
}

async function claim(terminal: Terminal, { access }: ConsoleParts): Promise<Person> {
  const code = await terminal.ask('Claim code: ')
  const user = await terminal.ask('Name of the admin: ')
  return access.claim(code, user, await newPassword(terminal))
}

async function reset(terminal: Terminal, { access }: ConsoleParts): Promise<undefined> {
  const code = await terminal.askSecret('Claim code (not shown): ')
  const whose = await access.resetAdmin(code, await newPassword(terminal))
  await terminal.flow([`${whose} has a new password; all sessions have ended.`])
}

async function session(here: Session): Promise<void> {
  const { terminal, parts, person } = here
  try {
    for (;;) {
      await terminal.print(['', ...(await banner(parts)), ...menuLines(here)])
      const choice = await choose(here)
      // Ended elsewhere: by an admin, by a new password of his.
      if (choice === 0 || !person.isAlive()) break
      await runItem(here, choice)
      if (!person.isAlive()) break
    }
  } finally {
    person.logOut()
    await terminal.flow([`${person.name} is logged out.`]).catch(() => undefined)
  }
}

/** The number that was typed; -1 for none, or Ctrl-C. */
async function choose({ terminal }: Session): Promise<number> {
  try {
    const text = await terminal.ask('Choice (- is not on this system): ')
    return /^\d{1,2}$/.test(text) ? Number(text) : -1
  } catch (error) {
    if (error instanceof Left && error.how === 'back') return -1
    throw error
  }
}

async function runItem(here: Session, choice: number): Promise<void> {
  const { terminal } = here
  const item = ITEMS.find((it) => it.number === choice)
  try {
    if (!item) return
    const missing = item.missing?.(here)
    await terminal.print(['', `${item.number}) ${item.title}`])
    if (missing === undefined) {
      if ((await item.run(here)) === 'menu') return
    } else await terminal.print([`not on this system: ${missing}`])
  } catch (error) {
    if (error instanceof Left) return backOnly(error)
    await terminal.print(errorLines(error)).catch(backOnly)
  }
  await terminal.ask('Enter: menu ').catch(backOnly)
}

/** Back to the menu is where we are going anyway. */
function backOnly(left: unknown): void {
  if (!(left instanceof Left && left.how === 'back')) throw left
}

/** What went wrong, and what to do; of a bug its first line. */
function errorLines(error: unknown): string[] {
  if (error instanceof BadInput)
    return error.problems.flatMap((it) => [`error ${it.where}: ${it.text}`, ...(it.remedy ? [`  > ${it.remedy}`] : [])])
  const { message, remedy } = error as Error & { remedy?: string }
  const isOurs = error instanceof Unreachable || error instanceof Blocked || remedy !== undefined
  return [`${isOurs ? 'error' : 'failed'}: ${message}`, ...(remedy ? [`  > ${remedy}`] : [])]
}
