// The log's files where no agent runs: under the lock, so that none starts meanwhile.
import { existsSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { OfflineLog } from './commands/command.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import type { FileCheck, LogApi } from './core/log-files.ts'
import type { Check } from './log/check.ts'
import { createCheck } from './log/check.ts'
import type { CheckCalls } from './log/check-run.ts'
import { logApi } from './log/check-run.ts'
import { openReader } from './log/journal.ts'
import { takeLock } from './log/lock.ts'
import { recoverLog } from './log/recover.ts'
import { mendWal } from './log/recover-wal.ts'
import { openStored } from './log/stored.ts'
import type { Writer, WriterOptions } from './log/writer.ts'
import { openWriter } from './log/writer.ts'
import { hardwareMark } from './machine/hardware.ts'
import { systemState } from './workers/clock.ts'

/** Throws BadInput where there is no log, or somebody has it. */
export async function openOfflineLog(dataDir: string): Promise<OfflineLog> {
  const dir = join(dataDir, 'log')
  if (!existsSync(dir))
    throw new BadInput([{ where: dir, text: 'there is no log', remedy: 'name its data directory with --data DIR' }])
  const lock = takeLock(dir, 'a log command')
  const closing: (() => void)[] = []
  const reading = (): LogApi => {
    const { check, close } = openCheck(dir)
    closing.push(close)
    return logApi(callsOf(dir, check), () => Promise.reject(new Error('a check changes nothing')))
  }
  return {
    logCheck: (signal) => reading().logCheck(signal),
    logInspect: async (segment) => reading().logInspect(segment),
    logExport: (signal) => reading().logExport(signal),
    ledger: (request, signal) => reading().ledger(request, signal),
    logDays: async () => reading().logDays(),
    logRepair: (signal) => repair(dir, signal),
    async close() {
      for (const close of closing) close()
      lock.release()
    },
  }
}

function openCheck(dir: string): { check: Check; close(): void } {
  try {
    const db = openReader(dir)
    return { check: createCheck(db, dir, openStored(db, dir)), close: () => db.close() }
  } catch (cause) {
    const remedy = 'holdfast log repair makes it anew, from what it still says and from the segments'
    throw new Unreachable('log-damaged', `${dir}: the journal cannot be read: ${(cause as Error).message}`, { cause, remedy })
  }
}

function callsOf(dir: string, check: Check): CheckCalls {
  return {
    files: async () => check.files(),
    journal: async () => withWal(dir, check.journal()),
    segment: (id) => check.segment(id),
    inspect: async (segment) => check.inspect(segment),
    ledger: async (request) => check.ledger(request),
    days: async () => check.days(),
    exportBytes: async () => check.exportBytes(),
    exportPart: async (after) => check.exportPart(after),
  }
}

/** SQLite takes a damaged write-ahead log for one that has ended: it says nothing of that. */
function withWal(dir: string, file: FileCheck): FileCheck {
  const { kind, mendedBits } = mendWal(join(dir, 'journal.db-wal'), false)
  const whats = [
    ...(mendedBits > 0 ? [`${mendedBits} flipped bits in the write-ahead log, which opening mends`] : []),
    ...(kind === 'sound' ? [] : ['commits in the write-ahead log cannot be read']),
  ]
  const damage = whats.map((what) => ({ what, offset: null, readings: 0, stream: null, first: null }))
  return { ...file, damage: [...damage, ...file.damage] }
}

/** What opening does, and all damaged blocks given up. */
async function* repair(dir: string, signal: AbortSignal): ReturnType<LogApi['logRepair']> {
  const clock = systemState()
  const before = optionsOf(dir)
  const { faults, mendedBits } = await recoverLog({ ...before, bootId: clock.bootId, now: clock.now })
  const said = [
    ...(mendedBits > 0 ? [`${mendedBits} flipped bits of the write-ahead log are mended`] : []),
    ...faults.map((it) => `the journal is made anew: ${it}`),
  ]
  let failure: unknown
  const writer = offlineWriter(before, clock, (error) => void (failure = error))
  const { check, close } = openCheck(dir)
  try {
    const giveUp = async (stream: string, first: number) => writer.damaged(stream, first)
    yield* logApi(callsOf(dir, check), giveUp, said).logRepair(signal)
  } finally {
    close()
    writer.close()
  }
  if (failure !== undefined) throw failure
}

/** In this thread: nothing is appended, and what is said is committed at once. */
export function offlineWriter(
  options: WriterOptions,
  clock: ReturnType<typeof systemState>,
  failed: (error: Error) => void,
): Writer {
  return openWriter(options, {
    now: () => Date.now() * 1000,
    monotonic: () => performance.now(),
    after: () => ({ cancel: () => undefined }),
    clock: () => clock,
    hardware: hardwareMark(),
    randomEpoch: () => randomBytes(16).toString('hex'),
    durable: () => undefined,
    held: () => undefined,
    failed,
  })
}

/** As the agent opened it last. */
export function optionsOf(dir: string): WriterOptions {
  const remedy = 'start the agent: it does the same when it opens the log'
  let db: ReturnType<typeof openReader> | undefined
  try {
    db = openReader(dir)
    const text = db.prepare("SELECT value FROM meta WHERE key = 'options'").pluck().get() as string
    return { ...(JSON.parse(text) as WriterOptions), dir }
  } catch (cause) {
    throw new BadInput([{ where: dir, text: `the journal does not say how it was opened: ${(cause as Error).message}`, remedy }])
  } finally {
    db?.close()
  }
}
