// One poll of one unit: every block read, every value put into the batch.
// An address that the device refuses is searched for once, and from then on left out: its tags are bad with that exception, the others good.
// The same search shows where a device gives fewer registers at once than it was asked for. Now and then one refused address is asked for
// again: a device that is just starting may refuse what it has.
import type { BatchBuilder } from '../../core/batch.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Micros } from '../../core/reading.ts'
import { BAD } from '../../core/reading.ts'
import type { Decoder } from './decode.ts'
import { decoderOf, undecodableWord } from './decode.ts'
import { explainException, isAddressException, isGatewayException } from './exceptions.ts'
import type { Learned, Memory } from './learned.ts'
import type { Answer, Link } from './link.ts'
import type { Block, PlanLimits } from './plan.ts'
import { blockAround, planBlocks } from './plan.ts'
import type { Point } from './registers.ts'
import { isBitKind, valueKindOf } from './registers.ts'
import type { Refused } from './search.ts'
import { limitShown, searchBlock } from './search.ts'

/** Status codes of readings without a value: up to 255 the device's exception code, and these two. */
export const STATUS_NO_ANSWER = 256
const STATUS_UNDECODABLE = 257

/** Between two looks at a refused address: doubled each time in vain. */
const RECHECK_MS_MIN = 60_000
const RECHECK_MS_MAX = 3_600_000

interface Item extends Point {
  readonly series: number
  readonly decoder: Decoder
  readonly index: number
}

type Reads = Pick<Link, 'read'>

export interface Poller {
  /** A poll begins: from now on readings have the present time. */
  begin(): void
  /** Reads all blocks into the builder. Fails with Unreachable; what was read before stays in the builder. */
  poll(link: Reads): Promise<void>
  /** One bad reading without a value for each tag that this poll brought nothing for. */
  addMissing(status: number): void
  /** The device was away: it may have other addresses now. */
  doubtRefused(): void
  readonly refused: readonly Refused<Point>[]
  readonly blocks: readonly Block[]
  /** Registers at once, where the device turned out to give fewer than it may be asked for. */
  readonly blockMaxLearned: number | undefined
}

export interface PollerParts {
  readonly points: readonly Point[]
  readonly limits: PlanLimits
  readonly builder: BatchBuilder
  readonly memory: Memory
  /** Monotonic ms. */
  monotonic(): number
  /** Counts what is worth a note. */
  note(word: string): void
}

export function createPoller({ points, limits, builder, memory, monotonic, note }: PollerParts): Poller {
  const items = points.map((point, index) => itemOf(point, index, builder))
  const planned = planBlocks(items, limits)
  const isDone = new Uint8Array(items.length)
  let blocks = planned
  let refused: readonly Refused<Item>[] = []
  let blockMaxLearned: number | undefined
  let time = 0
  let recheckMs = RECHECK_MS_MIN
  let recheckAt = monotonic() + recheckMs
  let rechecks = 0

  const remember = () => {
    const isSpecial = blocks !== planned || refused.length > 0
    memory.keep(isSpecial ? learnedOf(blocks, refused, blockMaxLearned) : undefined)
  }
  const known = memory.recall()
  if (known) {
    blocks = known.blocks.map((it) => blockAround(it.map((index) => items[index] as Item)))
    refused = known.refused.map(([index, exception]) => ({ point: items[index] as Item, exception }))
    blockMaxLearned = known.blockMax
  }

  const bad = (item: Item, status: number) => {
    isDone[item.index] = 1
    builder.addNone(item.series, time, BAD, status)
  }
  const decode = (block: Block<Item>, data: Buffer) => {
    for (const item of block.points) {
      isDone[item.index] = 1
      if (addValue(builder, item, data, item.address - block.from, time)) continue
      note(undecodableWord(item.type))
      bad(item, STATUS_UNDECODABLE)
    }
  }
  /** Yields how many blocks stand in this one's place now: those are read already. */
  const refuse = async (at: number, exception: number, link: Reads): Promise<number> => {
    const block = blocks[at] as Block<Item>
    if (isAddressException(exception)) {
      // What it says once only is no reason to search: a device that was just busy with itself.
      const again = await read(link, block)
      if ('data' in again) {
        note('refused-once')
        decode(block, again.data)
        return 1
      }
    }
    const found = isAddressException(exception)
      ? await searchBlock(block, exception, (it) => read(link, it))
      : { other: exception }
    if ('other' in found) {
      for (const item of block.points) bad(item, found.other)
      return 1
    }
    for (const part of found.parts) decode(part.block, part.data)
    for (const it of found.refused) bad(it.point, it.exception)
    refused = [...refused, ...found.refused]
    const limit = limitShown(block, found.parts)
    if (limit !== undefined) blockMaxLearned = Math.min(limit, blockMaxLearned ?? limit)
    const rest = blocks.slice(at + 1).flatMap((it) => shortened(it, isBitKind(block.kind), limit, limits))
    blocks = [...blocks.slice(0, at), ...found.parts.map((it) => it.block), ...rest]
    remember()
    return found.parts.length
  }
  /** True when an address that was refused is there now. */
  const recheck = async (link: Reads): Promise<void> => {
    if (refused.length === 0 || monotonic() < recheckAt) return
    const { point } = refused[rechecks++ % refused.length] as Refused<Item>
    const answer = await read(link, blockAround([point]))
    recheckMs = Math.min(recheckMs * 2, RECHECK_MS_MAX)
    recheckAt = monotonic() + recheckMs
    if (!('data' in answer)) return
    blocks = planned
    refused = []
    blockMaxLearned = undefined
    recheckMs = RECHECK_MS_MIN
    remember()
  }

  return {
    begin() {
      time = builder.now()
      isDone.fill(0)
    },
    async poll(link) {
      await recheck(link)
      for (const it of refused) bad(it.point, it.exception)
      for (let at = 0; at < blocks.length; ) {
        const block = blocks[at] as Block<Item>
        const answer = await read(link, block)
        if ('data' in answer) decode(block, answer.data)
        at += 'data' in answer ? 1 : await refuse(at, answer.exception, link)
      }
    },
    addMissing(status) {
      for (const item of items) if (!isDone[item.index]) bad(item, status)
    },
    doubtRefused() {
      recheckMs = RECHECK_MS_MIN
      recheckAt = monotonic()
    },
    get refused() {
      return refused
    },
    get blocks() {
      return blocks
    },
    get blockMaxLearned() {
      return blockMaxLearned
    },
  }
}

function learnedOf(blocks: readonly Block<Item>[], refused: readonly Refused<Item>[], blockMax: number | undefined): Learned {
  return {
    blocks: blocks.map((it) => it.points.map((point) => point.index)),
    refused: refused.map(({ point, exception }) => [point.index, exception]),
    ...(blockMax === undefined ? {} : { blockMax }),
  }
}

/** A block that is longer than what the device gives, in shorter ones; `limit` in registers, learned from bits or from registers. */
function shortened(block: Block<Item>, isOfBits: boolean, limit: number | undefined, limits: PlanLimits): Block<Item>[] {
  if (limit === undefined || isBitKind(block.kind) !== isOfBits) return [block]
  return planBlocks(block.points, { ...limits, blockMax: limit })
}

function itemOf(point: Point, index: number, builder: BatchBuilder): Item {
  const kind = valueKindOf(point.type, point.scale !== undefined || point.offset !== undefined)
  const unit = point.unit === undefined ? {} : { unit: point.unit }
  const series = builder.series({ tag: point.tag, class: point.class, kind, ...unit, boxTime: true })
  return { ...point, index, series, decoder: decoderOf(point) }
}

async function read(link: Reads, block: Block): Promise<Answer> {
  const answer = await link.read(block.kind, block.from, block.to - block.from)
  if ('data' in answer || !isGatewayException(answer.exception)) return answer
  throw gatewayFailure(answer.exception)
}

export function gatewayFailure(exception: number): Unreachable {
  const { text, remedy } = explainException(exception)
  return new Unreachable(`exception-${exception}`, text, { remedy })
}

/** False when the bytes are no value of the type. */
function addValue(builder: BatchBuilder, item: Item, data: Buffer, place: number, time: Micros): boolean {
  const { decoder, series } = item
  if (decoder.kind === 'string') {
    builder.addString(series, time, decoder.read(data, place))
    return true
  }
  if (decoder.kind === 'long') {
    const value = decoder.read(data, place)
    if (value === undefined) return false
    builder.addLong(series, time, value)
    return true
  }
  const value = decoder.read(data, place)
  if (value === undefined) return false
  builder.add(series, time, value)
  return true
}
