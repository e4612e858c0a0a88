// How followers read the log (core/follow.ts): every raw and aggregate stream from a number on, the block that was received first before the others.
//
// What must hold: below a number that a follower was told, no reading ever gets another number. Of this run the furthest one is remembered; after a
// start it is all that was there before, if there were ever followers (followed.ts). So nothing is written for what they read, and nothing waits for
// them: what goes before they come to it is a hole, and told as one.
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import type { FollowBegun, FollowFrom, FollowNumbers, FollowRead, FollowStep, FollowTaken } from '../core/follow.ts'
import { FOLLOWED_FORMS } from '../core/follow.ts'
import type { LogSeries } from '../core/log.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import type { BlockRow } from './catalogue.ts'
import { holeReader } from './follow-holes.ts'
import { followName, notAPosition } from './follow-position.ts'
import { wasFollowed } from './followed.ts'
import type { Journal } from './journal.ts'
import type { DamagedPlace } from './lane-walk.ts'
import { plain } from './lane-walk.ts'
import { aggregateParts, rawParts } from './query-parts.ts'
import { secondLooks } from './second-look.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface FollowReader {
  /** Throws BadInput for numbers that this log cannot have told. */
  begin(from: FollowFrom): FollowBegun
  read(request: FollowRead): FollowTaken
  /** Of a stream: below it all keeps its number. */
  numberedTo(stream: string): number
  /** Numbers that are being changed: nothing of them is read until that is over. */
  block(range: StreamRange | undefined): void
}

/** A stream on its way through a read. */
interface Lane {
  readonly name: string
  readonly row: StoredStream
  at: number
  /** Nothing is read from there on. */
  to: number
  blocks: readonly BlockRow[]
}

/** With the number that a position says of it. */
interface Asked extends Pick<Lane, 'name' | 'row'> {
  readonly given: number | undefined
}

/** One read's work: more than one block only while they are small. */
const READINGS_A_READ = 4_096
const BLOCKS_A_READ = 64
const HOLES_A_READ = 256
const DAMAGED_A_READ = 4
const BLOCKS_A_LOOK = 32

export function createFollowReader(db: Journal, stored: Stored): FollowReader {
  const holes = holeReader(db)
  /** Those of epochs that are over too. */
  const known = db.prepare<[], Omit<StoredStream, 'key'>>('SELECT id, device, epoch, class, form, next FROM stream')
  const epoch = db.prepare<[], string>("SELECT value FROM meta WHERE key = 'epoch'").pluck()
  const rows = db.prepare<[number, number], Pick<BlockRow, 'first' | 'count' | 'period' | 'received_to'>>(
    `SELECT first, count, period, received_to FROM block WHERE stream = ? AND first >= ? ORDER BY first LIMIT ${BLOCKS_A_LOOK}`,
  )
  const looks = secondLooks()
  const names = new Map<string, string>()
  const told = new Map(wasFollowed(db) ? stored.streams().map((it) => [it.key, it.next]) : [])
  let blocked: StreamRange | undefined

  function nameOf(key: string): string {
    const name = names.get(key) ?? followName(key)
    names.set(key, name)
    return name
  }

  const followed = () => stored.streams().filter((it) => (FOLLOWED_FORMS as readonly string[]).includes(it.form))

  /** Nothing of what is being changed, and nothing behind it. */
  function endOf({ key, next }: StoredStream, at: number): number {
    const isShut = blocked?.stream === key && blocked.from < next && at < blocked.to
    return isShut ? Math.max(at, Math.min(next, blocked?.from ?? 0)) : next
  }

  const tell = (key: string, next: number) => void told.set(key, Math.max(next, told.get(key) ?? 0))

  function checkNumbers(numbers: FollowNumbers): void {
    const entries = Object.entries(numbers)
    const all = new Map(known.all().map((it) => [nameOf(streamKey(it)), it]))
    if (entries.length > 0 && !entries.some(([name]) => all.has(name)))
      throw notAPosition('the position is of another log: this one has none of its streams')
    const present = epoch.get()
    for (const [name, next] of entries) {
      const stream = all.get(name)
      // A log that was rebuilt has lost the end of the epochs before.
      if (stream && next > stream.next && stream.epoch === present)
        throw notAPosition(
          `the position is ahead of this log: ${streamKey(stream)} has come to ${stream.next}, the position to ${next}; an older copy of the log was put back, most likely`,
        )
    }
  }

  /** The first block that ends after a time. */
  function since(row: StoredStream, time: number): { at: number; skipBelow: number } {
    const to = endOf(row, 0)
    for (let at = 0; ; ) {
      const some = rows.all(row.id, at)
      const found = some.find((it) => it.received_to + stored.timeOf(it.period).shiftUs >= time)
      if (found && found.first < to) return { at: found.first, skipBelow: found.first + found.count }
      const last = some.at(-1)
      if (found || !last || some.length < BLOCKS_A_LOOK) return { at: to, skipBelow: row.next }
      at = last.first + last.count
    }
  }

  function numbersAt(from: Exclude<FollowFrom, { numbers: unknown }>): FollowBegun {
    const begun = followed().map((row) => {
      if ('since' in from) return { row, ...since(row, from.since) }
      return { row, at: from.at === 'now' ? endOf(row, row.next) : 0, skipBelow: 0 }
    })
    for (const { row, at } of begun) tell(row.key, at)
    const pairs = (of: 'at' | 'skipBelow') => begun.filter((it) => it[of] > 0).map((it) => [nameOf(it.row.key), it[of]])
    return { numbers: Object.fromEntries(pairs('at')), skipBelow: Object.fromEntries(pairs('skipBelow')) }
  }

  function fill(lane: Lane): void {
    if (lane.blocks.length === 0 && lane.at < lane.to)
      lane.blocks = stored.overlapping(lane.row.id, lane.at, lane.to, BLOCKS_A_LOOK)
  }

  /** Holes first: they are where something is missing. */
  function nextOf(lanes: readonly Lane[]): Lane | undefined {
    let least: Lane | undefined
    for (const lane of lanes) {
      if (lane.at >= lane.to) continue
      fill(lane)
      if (isAtHole(lane)) return lane
      if (!least || receivedOf(lane) < receivedOf(least)) least = lane
    }
    return least
  }

  function takeHole(lane: Lane): FollowStep[] {
    const found = holes(lane.row.id, lane.at, lane.blocks[0]?.first ?? lane.to, HOLES_A_READ)
    return found.map(({ from, to, ...gap }) => {
      lane.at = to
      return { name: lane.name, stream: plain(lane.row), from, to, gap }
    })
  }

  function takeBlock(lane: Lane, wanted: (id: number) => LogSeries | undefined): FollowStep | undefined {
    const block = lane.blocks[0] as BlockRow
    const bytes = stored.read(block)
    if (!bytes) {
      // It went while we looked: the next read finds a hole.
      lane.to = lane.at
      return undefined
    }
    const time = stored.timeOf(block.period)
    const cut = { from: -Infinity, to: Infinity, wanted, clock: time.quality === 'synchronised' ? undefined : time }
    const found =
      lane.row.form === 'raw' ? rawParts(decodeBlock(bytes), cut) : aggregateParts(decodeAggregates(bytes), cut, block)
    const parts = [...found]
    looks.passed(block.id)
    return { ...passed(lane, block), parts }
  }

  /** A block that cannot be read, at the second look: it is not waited for. */
  function passDamaged(lane: Lane): FollowStep[] {
    const block = lane.blocks[0] as BlockRow
    if (!looks.isSecond(block.id)) {
      lane.to = lane.at
      return []
    }
    const step = passed(lane, block)
    const { time_from: timeFrom, time_to: timeTo } = block
    return [{ ...step, gap: { count: step.to - step.from, action: 'damaged', reason: 'damaged', timeFrom, timeTo } }]
  }

  function take(lane: Lane, wanted: (id: number) => LogSeries | undefined, damaged: DamagedPlace[]): readonly FollowStep[] {
    if (isAtHole(lane)) return takeHole(lane)
    try {
      return [takeBlock(lane, wanted) ?? []].flat()
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      damaged.push({ stream: lane.row.key, first: lane.blocks[0]?.first ?? lane.at })
      return passDamaged(lane)
    }
  }

  /** Streams that a position names and that are over: what of them it has not come to is told as gone, then it names them no more. */
  function endedOf(numbers: FollowNumbers, live: readonly Asked[]): Asked[] {
    const names = new Set(live.map((it) => it.name))
    if (Object.keys(numbers).every((it) => names.has(it))) return []
    const rows = known.all().map((it) => ({ ...it, key: streamKey(it) }))
    const asked = rows.map((row) => ({ row, name: nameOf(row.key), given: numbers[nameOf(row.key)] }))
    return asked.filter((it) => it.given !== undefined && !names.has(it.name))
  }

  /** One snapshot for all that a read looks at. */
  const read = db.transaction((request: FollowRead): FollowTaken => {
    const isWanted = streamMatcher(request)
    const wanted = seriesMatcher(request, stored.describe)
    const all: Asked[] = followed().map((row) => ({ row, name: nameOf(row.key), given: request.numbers[nameOf(row.key)] }))
    const laneOf = ({ row, name, given = 0 }: (typeof all)[number]): Lane => {
      const at = Math.min(given, row.next)
      return { name, row, at, to: endOf(row, at), blocks: [] }
    }
    const wantedOf = (of: typeof all) => of.filter((it) => isWanted(it.row)).map(laneOf)
    const over = wantedOf(endedOf(request.numbers, all))
    const lanes = [...wantedOf(all), ...over]
    const steps: FollowStep[] = []
    const damaged: DamagedPlace[] = []
    let readings = 0
    let lane = nextOf(lanes)
    while (lane && readings < READINGS_A_READ && steps.length < BLOCKS_A_READ && damaged.length < DAMAGED_A_READ) {
      const taken = take(lane, wanted, damaged)
      readings += taken.reduce((sum, it) => sum + (it.parts ? it.to - it.from : 1), 0)
      steps.push(...taken)
      lane = nextOf(lanes)
    }
    for (const it of lanes) tell(it.row.key, it.at)
    const others = all.filter(({ row, given }) => given !== undefined && !isWanted(row))
    const entries = [
      ...others.map(({ name, given = 0 }): [string, number] => [name, given]),
      ...lanes.filter((it) => it.at > 0 && !(over.includes(it) && isPassed(it))).map((it): [string, number] => [it.name, it.at]),
    ]
    return { steps, numbers: Object.fromEntries(entries), isCaughtUp: lanes.every(isPassed), damaged }
  })

  return {
    begin(from) {
      if (!('numbers' in from)) return numbersAt(from)
      checkNumbers(from.numbers)
      return { numbers: from.numbers, skipBelow: {} }
    },
    read,
    numberedTo: (stream) => told.get(stream) ?? 0,
    block(range) {
      blocked = range
    },
  }
}

/** The lane goes on behind a block. */
function passed(lane: Lane, block: BlockRow): FollowStep {
  const step = { name: lane.name, stream: plain(lane.row), from: lane.at, to: block.first + block.count }
  lane.at = step.to
  lane.blocks = lane.blocks.slice(1)
  return step
}

const isPassed = ({ at, row }: Lane): boolean => at >= row.next
const isAtHole = ({ at, blocks }: Lane): boolean => (blocks[0]?.first ?? Infinity) > at
const receivedOf = ({ blocks }: Lane): number => blocks[0]?.received_from ?? 0

function streamMatcher({ class: classes, form }: FollowRead): (row: StoredStream) => boolean {
  const ofClass = matcherOf(classes)
  return (row) => ofClass(row.class) && (form === undefined || (form as readonly string[]).includes(row.form))
}

function seriesMatcher({ tag }: FollowRead, describe: Stored['describe']): (id: number) => LogSeries | undefined {
  const fits = matcherOf(tag)
  return (id) => {
    const series = describe(id)
    return series && fits(series.tag) ? series : undefined
  }
}

function matcherOf(patterns: string | readonly string[] | undefined): (text: string) => boolean {
  if (patterns === undefined) return () => true
  const all = [patterns].flat().map(tagMatcher)
  return (text) => all.some((fits) => fits(text))
}
