// Which issues there were, kept over restarts and power cuts.
//
//   DIR/issues.jsonl   a line whenever one comes or goes, at most every minute and in one write; of lines with one number the last one holds
//
// What must hold: a line that is not whole is the last one, and none. The file is written anew once it has several lines for each issue.
// It is no data of customers': a disk that takes nothing costs the history, never the agent.
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ISSUES_KEPT_MAX } from './core/bounds.ts'
import type { Clock, Logger } from './core/source.ts'
import type { SeenIssue, Status } from './core/status.ts'
import { writeWhole } from './machine/whole-file.ts'
import type { IssueLine } from './pipeline/issue-history.ts'
import { issueHistory } from './pipeline/issue-history.ts'

const LOOK_EVERY_MS = 5_000
const SAVE_EVERY_MS = 60_000
const LINES_MAX = 4 * ISSUES_KEPT_MAX
const MODE = 0o640

export interface IssueWatch {
  list(): readonly SeenIssue[]
  clockStepped(): void
  /** What is known is on disk when it resolves. */
  close(): Promise<void>
}

export interface WatchParts {
  /** DIR. */
  readonly dir: string
  readonly clock: Clock
  readonly logger: Logger
  /** Rejects while new settings are put in force. */
  status(): Promise<Status>
}

export async function watchIssues({ dir, clock, logger, status }: WatchParts): Promise<IssueWatch> {
  const path = join(dir, 'issues.jsonl')
  const text = await readFile(path, 'utf8').catch(() => '')
  const before = linesIn(text)
  const history = issueHistory(before, clock)
  // Behind half a line nothing is written.
  let lines = text === '' || text.endsWith('\n') ? before.length : LINES_MAX
  /** A write failed: what it was of is in no other, and half a line may stand there. */
  let isOwed = false
  let savedMs = -Infinity
  let saving: Promise<void> = Promise.resolve()
  let isLooking = false

  async function save(): Promise<void> {
    const changed = history.changes()
    if (changed.length === 0 && !isOwed) return
    savedMs = clock.monotonic()
    try {
      if (isOwed || lines + changed.length > LINES_MAX) {
        const all = history.all()
        await writeWhole(path, textOf(all), MODE)
        lines = all.length
      } else {
        await append(path, textOf(changed))
        lines += changed.length
      }
      isOwed = false
    } catch (error) {
      isOwed = true
      logger.warn({}, `the history of issues cannot be kept: ${(error as Error).message}`)
    }
  }

  const saveInTurn = () => (saving = saving.then(save))

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    const now = await status().catch(() => undefined)
    isLooking = false
    if (!now) return
    history.look(now.issues)
    if (clock.monotonic() - savedMs >= SAVE_EVERY_MS) await saveInTurn()
  }

  const looking = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    list: history.list,
    clockStepped: history.clockStepped,
    close() {
      clearInterval(looking)
      return saveInTurn()
    },
  }
}

const textOf = (all: readonly IssueLine[]) => all.map((it) => `${JSON.stringify(it)}\n`).join('')

async function append(path: string, text: string): Promise<void> {
  const file = await open(path, 'a', MODE)
  try {
    await file.appendFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Those that are whole. */
function linesIn(text: string): IssueLine[] {
  return text.split('\n').flatMap((it) => lineIn(it) ?? [])
}

function lineIn(text: string): IssueLine | undefined {
  try {
    const line = JSON.parse(text) as IssueLine
    return Number.isSafeInteger(line.n) &&
      typeof line.code === 'string' &&
      typeof line.text === 'string' &&
      Number.isFinite(line.begun)
      ? line
      : undefined
  } catch {
    return undefined
  }
}
