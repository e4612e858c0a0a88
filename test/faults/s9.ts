// S9: readers that are slow, or stuck, for hours of simulated time while readings come in: a query whose taker lets it wait between two pages,
// an uplink that is late with its commits, and somebody from outside who holds a snapshot or a statement that is half read. The write-ahead log
// keeps its bound; where that means that writing waits, all goes on by itself once the reader has gone, and nothing is lost. A case is an hour.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { Unreachable } from '../../src/core/errors.ts'
import type { PageRequest } from '../../src/core/query.ts'
import { spaceOf } from '../../src/log/space.ts'
import type { OpenedLog } from '../log/helpers.ts'
import { bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, T0 } from '../log/helpers.ts'
import type { Campaign } from '../prove/campaign.ts'
import type { Dice } from './dice.ts'

const HOURS = 24
const HOUR_S = 3600
const EVERY_S = 5
/** As a source does: so many batches wait for the disk. */
const UNACKED_MAX = 2
/** From when a reader has gone: what waited is on disk. */
const RESUMED_S_MAX = 5
const WHOLE = { tag: '*', from: 0, to: 2 ** 52 }

interface Reader {
  readonly kind: 'snapshot' | 'half-read'
  readonly until: number
  end(): void
}

/** Somebody from outside who begins to read and stops in the midst of it. */
function stuckReader(dir: string, dice: Dice, now: number, leastS: number): Reader {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  const kind = dice.oneOf(['snapshot', 'half-read'] as const)
  if (kind === 'snapshot') {
    db.exec('BEGIN')
    db.prepare('SELECT count(*) FROM block').get()
  }
  const rows = kind === 'half-read' ? db.prepare('SELECT 1 AS n UNION ALL SELECT id FROM stream').iterate() : undefined
  rows?.next()
  return {
    kind,
    until: now + leastS + dice.below(HOUR_S / 4),
    end() {
      rows?.return?.()
      db.close()
    },
  }
}

/** A page now and then; begins again at the end. */
function slowQuery(log: OpenedLog): { page(): void } {
  let after: PageRequest['after'] = 0
  return {
    page() {
      const { next } = log.keeper.query({ ...WHOLE, after })
      after = next ?? 0
    },
  }
}

/** Takes, says so, and is late with the rest. */
function lateUplink(log: OpenedLog, dice: Dice) {
  let transaction = 0
  let isKnown = false
  let taken: ReturnType<typeof log.keeper.next>['ranges'] = []
  const waits = (error: unknown) => {
    if (!(error instanceof Unreachable) || error.code !== 'log-busy' || !log.writer.figures().stuck) throw error
    isKnown = false
  }
  return {
    step() {
      try {
        if (!isKnown) {
          const { delivered, inDoubt } = log.writer.restart('kafka', 'none')
          log.keeper.restart('kafka', delivered, inDoubt)
          isKnown = true
        } else if (taken.length > 0) log.writer.commit('kafka', taken, ++transaction, [])
        taken = []
        if (dice.once(3)) return
        const { ranges } = log.keeper.next({ ...NEXT, lane: dice.oneOf(['live', 'backlog']) })
        if (ranges.length > 0) log.writer.offer('kafka', ranges, {})
        taken = ranges
      } catch (error) {
        taken = []
        waits(error)
      }
    },
  }
}

/** What an hour has shown. */
interface Seen {
  walBytes: number
  bytes: number
  waitedS: number
}

function box(dir: string, dice: Dice) {
  const bytesMax = dice.oneOf([40_000_000, 160_000_000])
  const seen: Seen = { walBytes: 0, bytes: 0, waitedS: 0 }
  const look = () => {
    seen.walBytes = Math.max(seen.walBytes, statSync(join(dir, 'journal.db-wal')).size)
    seen.bytes = Math.max(seen.bytes, bytesOnDisk(dir))
  }
  const log = openTestLog(
    dir,
    { bytesMax, classes: [classNamed('alarms', { floorBytes: 500_000 }), classNamed('process')] },
    look,
  )
  const builder = new BatchBuilder(newOrigin(0))
  const series = ['alarms', 'process'].map((name) => builder.series({ tag: name, class: name, kind: 'bytes' }))
  const random = noise(1 + dice.below(1000))
  const query = slowQuery(log)
  const uplink = lateUplink(log, dice)
  // So much at a time that half an hour of it is more than the write-ahead log bears.
  const each = Math.ceil(spaceOf(bytesMax).walBytesMax / 100)
  let now = 0
  const open = new Set<number>()

  function append(): void {
    if (open.size >= UNACKED_MAX) return
    for (let n = 0; n < 4; n++) builder.addBytes(dice.oneOf(series), T0 + now * 1e6 + n, random(Math.ceil(each / 4)))
    open.add(log.append(builder.take(T0 + now * 1e6)))
  }

  function second(everyS: { query: number; uplink: number }): void {
    if (now % EVERY_S === 0) append()
    if (now % everyS.query === 0) query.page()
    if (now % everyS.uplink === 0) uplink.step()
    log.clock.tick(1000)
    if (now % 30 === 0) log.work()
    now++
    for (const it of log.acked) open.delete(it)
    log.acked.length = 0
    // A commit is due each second.
    if (open.size > 0) seen.waitedS++
  }

  return { log, bytesMax, seen, open, second, now: () => now }
}

/** `mustWait`: the reader stays until writing has to wait. */
async function hour(dir: string, dice: Dice, it: ReturnType<typeof box>, mustWait: boolean): Promise<void> {
  const { log, bytesMax, seen, open, second } = it
  Object.assign(seen, { walBytes: 0, bytes: 0, waitedS: 0 })
  const everyS = { query: dice.oneOf([7, 60, 300]), uplink: dice.oneOf([3, 20, 120]) }
  let reader: Reader | undefined
  let goneAt = -Infinity
  for (const end = it.now() + HOUR_S - RESUMED_S_MAX; it.now() < end; ) {
    if (!reader && (mustWait ? seen.waitedS === 0 : dice.once(HOUR_S / 4)))
      reader = stuckReader(dir, dice, it.now(), mustWait ? HOUR_S / 3 : 0)
    second(everyS)
    if (reader && (it.now() >= reader.until || it.now() >= end)) {
      reader.end()
      reader = undefined
      goneAt = it.now()
    }
    if (!reader && open.size > 0 && it.now() > goneAt + RESUMED_S_MAX)
      throw new Error(`nothing is written, ${RESUMED_S_MAX} s after the reader has gone`)
  }
  while (it.now() % HOUR_S !== 0) second(everyS)
  const { walBytesMax } = spaceOf(bytesMax)
  if (seen.walBytes > 2 * walBytesMax)
    throw new Error(`the write-ahead log had ${seen.walBytes} bytes; it may reach twice ${walBytesMax}`)
  if (seen.bytes > bytesMax) throw new Error(`${seen.bytes} bytes on disk, the bound is ${bytesMax}`)
  if (open.size > 0) throw new Error(`${open.size} appends wait at the end`)
  if (mustWait && seen.waitedS === 0) throw new Error('the reader was there all the while, and nothing had to wait')
  if (log.failures.length > 0) throw log.failures[0]
  checkBooks(dir, log.writer.figures())
}

export const s9: Campaign = {
  id: 'S9',
  what: 'slow and stuck readers, hours of simulated time',
  short: HOURS,
  long: 10 * HOURS,
  async run({ dir: base, dice, isOver, case: one }) {
    const dir = join(base, 'log')
    const it = box(dir, dice)
    for (let n = 0; n < HOURS && (n === 0 || !isOver()); n++)
      await one(`hour ${n}, ${it.bytesMax} bytes`, () => hour(dir, dice, it, n === 0))
    it.log.close()
  },
}
