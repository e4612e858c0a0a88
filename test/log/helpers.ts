// The real writer and keeper in this process, on a real file, with a clock that only moves when a test moves it.
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { DecodedBlock } from '../../src/columns/index.ts'
import { decodeBlock } from '../../src/columns/index.ts'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { countOf, difference, intersection, union, withInterval } from '../../src/core/intervals.ts'
import type { RawSlice, Taken } from '../../src/core/log.ts'
import type { ClassSettings } from '../../src/core/settings.ts'
import type { Keeper } from '../../src/log/keeper.ts'
import { openKeeper } from '../../src/log/keeper.ts'
import { keeperOptions } from '../../src/log/keeper-options.ts'
import type { LogFigures } from '../../src/log/figures.ts'
import type { Writer, WriterOptions } from '../../src/log/writer.ts'
import { openWriter } from '../../src/log/writer.ts'
import { scratch } from '../prove/campaign.ts'

const DEVICE = 'box-1'
export const T0 = 1_700_000_000_000_000

export function classNamed(name: string, more: Partial<ClassSettings> = {}): ClassSettings {
  return { name, floorBytes: 0, commitEveryMs: 1000, whenFull: 'reduce', ladder: [], ...more }
}

export function tempDir(): { dir: string; remove(): void } {
  const dir = scratch('log')
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** Timers and clock by hand; `tick` moves on and runs what is due. */
export function handClock() {
  let ms = 1000
  let steppedMs = 0
  let timers: { at: number; run(): void }[] = []
  return {
    now: () => T0 + (ms + steppedMs) * 1000,
    /** Of the wall clock alone. */
    step: (byMs: number) => void (steppedMs += byMs),
    monotonic: () => ms,
    after(wait: number, run: () => void) {
      const timer = { at: ms + wait, run }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter((it) => it !== timer)) }
    },
    tick(forMs: number): void {
      const until = ms + forMs
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at)[0]
        if (!next || next.at > until) break
        timers = timers.filter((it) => it !== next)
        ms = Math.max(ms, next.at)
        next.run()
      }
      ms = until
    },
  }
}

export interface OpenedLog {
  readonly writer: Writer
  readonly keeper: Keeper
  readonly clock: ReturnType<typeof handClock>
  /** Appends that were acknowledged, in the order of their acknowledgement. */
  readonly acked: number[]
  readonly failures: unknown[]
  /** Appends and says with which id. */
  append(batch: ReadingBatch): number
  /** Lets the keeper work until it finds nothing to do; says how many steps that were. `all`: seals whatever there is. */
  work(all?: boolean): number
  close(): void
  /** As a kill would: nothing is written any more. */
  abandon(): void
}

let epochs = 0

export type TestOptions = Partial<WriterOptions & { bootId: string; hardware: string }>

export function openTestLog(
  dir: string,
  { bootId = 'boot-1', hardware = '', ...options }: TestOptions = {},
  onCommit: () => void = () => {},
): OpenedLog {
  const clock = handClock()
  const acked: number[] = []
  const failures: unknown[] = []
  const full: WriterOptions = {
    dir,
    device: DEVICE,
    bytesMax: 64_000_000,
    commitBytes: 1_000_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 0,
    classes: [classNamed('process')],
    delivery: {},
    uplinks: ['kafka'],
    ...options,
  }
  const writer = openWriter(full, {
    ...clock,
    hardware,
    randomEpoch: () => (++epochs).toString(16).padStart(32, '0'),
    clock: () => ({ bootId, trusted: true, offsetUs: T0, bootUs: 0, now: clock.now(), version: 0 }),
    held: () => {},
    durable(ids) {
      acked.push(...ids)
      onCommit()
    },
    failed: (error) => void failures.push(error),
  })
  const keeper = openKeeper(keeperOptions(full))
  let nextId = 0
  return {
    writer,
    keeper,
    clock,
    acked,
    failures,
    append(batch) {
      writer.append(nextId, batch)
      return nextId++
    },
    work(all = false) {
      for (let steps = 0; ; steps++) {
        const change = keeper.work(writer.state(), all)
        if (!change) return steps
        const done = writer.apply(change)
        keeper.applied(done)
        if (!done) return steps
      }
    },
    close() {
      keeper.close()
      writer.close()
    },
    abandon: () => keeper.close(),
  }
}

/** Batches of doubles that count up from `from`, one tag a class. */
export function counterSource(className = 'process') {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: `${className}/counter`, class: className, kind: 'double' })
  let next = 0
  return {
    builder,
    batch(count: number): ReadingBatch {
      for (let i = 0; i < count; i++) builder.add(series, T0 + next * 1000, next++)
      return builder.take(T0)
    },
  }
}

/** Bytes that do not compress, repeatable. */
export function noise(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[i] = state & 0xff
    }
    return bytes
  }
}

export const NEXT = { uplink: 'kafka', except: [] as string[], bytesMax: 4_000_000, readingsMax: 20_000 }

export const slicesOf = (taken: Taken): RawSlice[] => taken.slices.filter((it) => it.form === 'raw')
export const decoded = (taken: Taken): DecodedBlock[] => slicesOf(taken).map((it) => decodeBlock(it.block))

export function bytesOnDisk(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + (statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
}

export interface Book {
  readonly stream: string
  readonly class: string
  readonly epoch: string
  readonly next: number
  readonly stored: Intervals
  readonly lost: Intervals
  /** Neither stored nor in the ledger: must be delivered. */
  readonly rest: Intervals
  readonly delivered: Intervals
}

/** What a file says of each raw stream, read past all code of the product. Throws where something overlaps. */
export function books(dir: string, uplink = 'kafka'): Book[] {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    const streams = db.prepare("SELECT * FROM stream WHERE form = 'raw'").all() as {
      id: number
      device: string
      epoch: string
      class: string
      form: string
      next: number
    }[]
    const position = db.prepare('SELECT delivered FROM position WHERE uplink = ?').pluck().get(uplink) as string | undefined
    const ended = new Set(db.prepare('SELECT stream FROM ended').pluck().all() as number[])
    const delivered = new Map(JSON.parse(position ?? '[]') as [string, Intervals][])
    return streams.map((it) => {
      const stream = `${it.device}:${it.epoch}:${it.class}:${it.form}`
      const held = db.prepare('SELECT first, first + count AS end FROM block WHERE stream = ? AND pending > 0').all(it.id) as {
        first: number
        end: number
      }[]
      const named = db.prepare('SELECT first, end, count FROM ledger WHERE stream = ?').all(it.id) as {
        first: number
        end: number
        count: number
      }[]
      const has = ended.has(it.id) ? [{ from: 0, to: it.next }] : (delivered.get(stream) ?? [])
      const parked = (
        db.prepare('SELECT sequence FROM parked WHERE stream = ?').pluck().all(it.id) as number[]
      ).reduce<Intervals>((set, n) => withInterval(set, n, n + 1), [])
      // Of a block that is partly delivered only the rest is stored; parked readings are delivered to nobody.
      const blocks = disjoint(`blocks of ${stream}`, held)
      const stored = parked.reduce((set, n) => union(set, intersection(blocks, [n])), difference(blocks, has))
      const lost = disjoint(`ledger of ${stream}`, named)
      for (const row of named)
        if (row.count !== row.end - row.first) throw new Error(`a ledger row of ${stream} counts ${row.count}`)
      if (countOf(intersection(stored, lost)) > 0) throw new Error(`${stream}: stored and lost`)
      const rest = difference(
        difference(
          [{ from: 0, to: it.next }].filter((all) => all.to > 0),
          stored,
        ),
        lost,
      )
      return {
        stream,
        class: it.class,
        epoch: it.epoch,
        next: it.next,
        stored,
        lost,
        rest,
        delivered: ended.has(it.id) ? rest : (delivered.get(stream) ?? []),
      }
    })
  } finally {
    db.close()
  }
}

function disjoint(what: string, rows: readonly { first: number; end: number }[]): Intervals {
  let set: Intervals = []
  for (const { first, end } of rows) set = withInterval(set, first, end)
  const sum = rows.reduce((total, it) => total + it.end - it.first, 0)
  if (countOf(set) !== sum) throw new Error(`${what} overlap`)
  return set
}

/** Every number is stored, delivered or named, and the accounts say the same. Throws where they do not. */
export function checkBooks(dir: string, figures: LogFigures): void {
  const all = books(dir)
  for (const it of all)
    if (countOf(difference(it.rest, it.delivered)) > 0)
      throw new Error(`${it.stream}: a hole ${JSON.stringify(difference(it.rest, it.delivered))}`)
  for (const account of figures.classes) {
    const mine = all.filter((it) => it.class === account.name)
    const sum = (of: (it: Book) => number) => mine.reduce((total, it) => total + of(it), 0)
    const lost = Object.values(account.lost).reduce((total, n) => total + n, 0)
    const found = {
      accepted: sum((it) => it.next),
      lost: sum((it) => countOf(it.lost)) - account.aggregated,
      delivered: sum((it) => countOf(it.rest)),
      stored: sum((it) => countOf(it.stored)),
    }
    const said = { accepted: account.accepted, lost, delivered: account.delivered, stored: account.stored }
    if (JSON.stringify(found) !== JSON.stringify(said))
      throw new Error(`${account.name}: the file says ${JSON.stringify(found)}, the account ${JSON.stringify(said)}`)
  }
}
