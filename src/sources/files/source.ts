// A folder of files as a source.
//
//   look (every) ─► which file is it? (identify) ─► lines from its bookmark on ─► batch ─► … fsync … ─► bookmark
//
// A file is read as far as its last whole line. What was handed over waits for the disk: a file does not run away.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder } from '../../core/batch.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Protocol, Source, SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import { binaryReader } from './binary.ts'
import type { Bookmark } from './bookmarks.ts'
import { openBookmarks } from './bookmarks.ts'
import { takeAway } from './done.ts'
import type { FolderFile } from './folder.ts'
import { filesIn } from './folder.ts'
import { handOver } from './hand-over.ts'
import { identifier } from './identify.ts'
import { lineReader } from './lines.ts'
import type { FilesSettings } from './settings.ts'
import { testFolder } from './test-steps.ts'

export const files: Protocol<FilesSettings> = {
  name: 'files',
  open: openSource,
  test: (settings) => testFolder(settings),
}

const DAY_US = 86_400_000_000
/** What a stop waits for: what is handed over goes with the last commit. */
const STOP_MS_MAX = 1_500
/** A file system that answers nothing for so long is away, whatever it says later. */
const SILENT_MS_MAX = 30_000
const FAILURES_LOGGED_MAX = 20

/** A file as it was when nothing more could be read of it. */
interface Looked {
  readonly size: number
  readonly modifiedMs: number
  /** Monotonic ms. */
  readonly since: number
  /** Nothing is left in it. */
  readonly isDone: boolean
  /** It was taken for whole: there is nothing else to try. */
  readonly isWhole: boolean
}

function openSource(settings: FilesSettings, context: SourceContext): Source {
  const builder = new BatchBuilder(context.origin, context.clock)
  const over = handOver()
  const report = reporter(context)
  const today = () => Math.floor(context.clock.now() / DAY_US)
  const marks = openBookmarks(join(context.dir, `${context.name}.bookmarks`), today())
  const identify = identifier({
    marks,
    settledMs: settings.settled,
    isByName: settings.format === 'binary',
    durable: over.durable,
    note: report.note,
    today,
    monotonic: context.clock.monotonic,
  })
  const reading = { builder, marks, over, failed: report.failed }
  const readFile = settings.format === 'binary' ? binaryReader(settings, reading) : lineReader(settings, reading)
  const looked = new Map<string, Looked>()

  const isAsBefore = (file: FolderFile, it: Looked | undefined) => it?.size === file.size && it.modifiedMs === file.modifiedMs
  const isSettled = (file: FolderFile) => {
    const it = looked.get(file.inode)
    return isAsBefore(file, it) && context.clock.monotonic() - (it as Looked).since >= settings.settled
  }

  async function* look(signal: AbortSignal): AsyncGenerator<SourceItem> {
    // What was handed over before an error is under way yet.
    await over.durable()
    const found = await report.waitFor(filesIn(settings.path, settings.pattern))
    report.found(found.length)
    // Files that are known first: what has become of them tells what a new one is.
    const known = found.filter((it) => marks.ofInode(it.inode))
    for (const file of [...known, ...found.filter((it) => !known.includes(it))]) {
      if (signal.aborted) return
      yield* lookAt(file)
    }
    await over.durable()
    for (const file of found) if (looked.get(file.inode)?.isDone && isSettled(file)) await finish(file)
    const there = new Set(found.map((it) => it.inode))
    for (const it of looked.keys()) if (!there.has(it)) looked.delete(it)
  }

  async function* lookAt(file: FolderFile): AsyncGenerator<SourceItem> {
    const isWhole = (settings.whenDone !== 'leave' || settings.format === 'binary') && isSettled(file)
    const before = looked.get(file.inode)
    if (isAsBefore(file, before) && (before?.isDone || before?.isWhole || !isWhole)) return
    const handle = await report.waitFor(open(file.path, 'r')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') report.failed(file.name, undefined, `cannot be opened: ${error.code ?? error.message}`)
    })
    if (!handle) return
    try {
      const mark = await identify.of(file, handle)
      if (!mark) return
      const { torn } = yield* readFile(file, handle, mark, isWhole)
      const since = isAsBefore(file, before) ? (before as Looked).since : context.clock.monotonic()
      looked.set(file.inode, { size: file.size, modifiedMs: file.modifiedMs, since, isDone: torn === 0, isWhole })
    } finally {
      await handle.close()
    }
  }

  async function finish(file: FolderFile): Promise<void> {
    if (settings.whenDone === 'leave') return
    const mark: Bookmark | undefined = marks.ofInode(file.inode)
    try {
      if (await takeAway(settings, file, (mark?.failed ?? 0) > 0)) {
        if (mark) marks.drop(mark.id)
        looked.delete(file.inode)
      }
    } catch (error) {
      report.failed(file.name, undefined, `cannot be taken away: ${(error as Error).message}`)
    }
  }

  return {
    async *read(signal) {
      try {
        while (!signal.aborted) {
          try {
            yield* look(signal)
          } catch (error) {
            if (!isOfTheFileSystem(error)) throw error
            report.down(error as Unreachable)
          }
          await sleep(settings.every, undefined, { signal }).catch(() => {})
        }
        await over.durableFor(STOP_MS_MAX)
      } finally {
        marks.close()
      }
    },
    status: report.status,
  }
}

/** What the system says of a file or a folder; anything else is a bug. */
function isOfTheFileSystem(error: unknown): boolean {
  return error instanceof Unreachable || typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

function reporter({ log, clock }: SourceContext) {
  const notes: Record<string, number> = {}
  let status: SourceStatus = { state: 'starting' }
  let details: Record<string, string | number> = { files: 0 }
  let waitingSince: number | undefined
  let logged = 0
  const note = (word: string) => void (notes[word] = (notes[word] ?? 0) + 1)
  const isSilent = () => waitingSince !== undefined && clock.monotonic() - waitingSince > SILENT_MS_MAX
  return {
    note,
    failed(name: string, line: number | undefined, text: string): void {
      note(line === undefined ? 'unreadable-file' : 'unreadable-line')
      const where = line === undefined ? name : `${name}:${line}`
      details = { ...details, lastFailure: `${where}: ${text}` }
      if (logged++ < FAILURES_LOGGED_MAX) log.warn({ file: name, line }, `${where}: ${text}`)
    },
    found(count: number): void {
      status = { state: 'up' }
      details = { ...details, files: count }
      logged = 0
    },
    down(error: Error): void {
      const { code = 'failed', remedy } = error as Unreachable
      status = { state: 'down', code, lastError: error.message, ...(remedy !== undefined && { remedy }) }
    },
    async waitFor<T>(what: Promise<T>): Promise<T> {
      waitingSince = clock.monotonic()
      try {
        return await what
      } finally {
        waitingSince = undefined
      }
    },
    status(): SourceStatus {
      const now = isSilent() ? SILENT : status
      return { ...now, notes: { ...notes }, details }
    },
  }
}

const SILENT: SourceStatus = {
  state: 'down',
  code: 'timeout',
  lastError: `the file system has not answered for more than ${SILENT_MS_MAX / 1000} s`,
  remedy: 'Look whether the server of the share is up; it is read on by itself.',
}
