// One poll of one device: every block read, every value put into the batch.
// An address that the device refuses is searched for once, and from then on left out: its tags are bad with that exception, the others good.
import type { BatchBuilder } from '../../core/batch.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Micros } from '../../core/reading.ts'
import { BAD } from '../../core/reading.ts'
import type { Decoder } from './decode.ts'
import { decoderOf, undecodableWord } from './decode.ts'
import { explainException, isAddressException, isGatewayException } from './exceptions.ts'
import type { Answer, Link } from './link.ts'
import type { Block, PlanLimits } from './plan.ts'
import { planBlocks } from './plan.ts'
import type { Point } from './registers.ts'
import { valueKindOf } from './registers.ts'
import type { Refused } from './search.ts'
import { searchBlock } from './search.ts'

/** Status codes of readings without a value: up to 255 the device's exception code, and these two. */
export const STATUS_NO_ANSWER = 256
const STATUS_UNDECODABLE = 257

interface Item extends Point {
  readonly series: number
  readonly decoder: Decoder
  readonly index: number
}

export interface Poller {
  /** A poll begins: from now on readings have the present time. */
  begin(): void
  /** Reads all blocks into the builder. Fails with Unreachable; what was read before stays in the builder. */
  poll(link: Pick<Link, 'read'>): Promise<void>
  /** One bad reading without a value for each tag that this poll brought nothing for. */
  addMissing(status: number): void
  /** The device was away: it may have other addresses now. */
  forgetRefused(): void
  readonly refused: readonly Refused<Point>[]
  readonly blocks: readonly Block[]
}

export interface PollerParts {
  readonly points: readonly Point[]
  readonly limits: PlanLimits
  readonly builder: BatchBuilder
  /** Counts what is worth a note. */
  note(word: string): void
}

export function createPoller({ points, limits, builder, note }: PollerParts): Poller {
  const items = points.map((point, index) => itemOf(point, index, builder))
  const planned = planBlocks(items, limits)
  const isDone = new Uint8Array(items.length)
  let blocks = planned
  let refused: readonly Refused<Item>[] = []
  let time = 0

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
  const refuse = async (block: Block<Item>, exception: number, link: Pick<Link, 'read'>) => {
    const found = isAddressException(exception)
      ? await searchBlock(block, exception, (it) => read(link, it))
      : { other: exception }
    if ('other' in found) {
      for (const item of block.points) bad(item, found.other)
      return
    }
    for (const part of found.parts) decode(part.block, part.data)
    for (const it of found.refused) bad(it.point, it.exception)
    refused = [...refused, ...found.refused]
    blocks = blocks.flatMap((it) => (it === block ? found.parts.map((part) => part.block) : [it]))
  }

  return {
    begin() {
      time = builder.now()
      isDone.fill(0)
    },
    async poll(link) {
      for (const it of refused) bad(it.point, it.exception)
      for (const block of blocks) {
        const answer = await read(link, block)
        if ('data' in answer) decode(block, answer.data)
        else await refuse(block, answer.exception, link)
      }
    },
    addMissing(status) {
      for (const item of items) if (!isDone[item.index]) bad(item, status)
    },
    forgetRefused() {
      blocks = planned
      refused = []
    },
    get refused() {
      return refused
    },
    get blocks() {
      return blocks
    },
  }
}

function itemOf(point: Point, index: number, builder: BatchBuilder): Item {
  const kind = valueKindOf(point.type, point.scale !== undefined || point.offset !== undefined)
  const unit = point.unit === undefined ? {} : { unit: point.unit }
  const series = builder.series({ tag: point.tag, class: point.class, kind, ...unit, boxTime: true })
  return { ...point, index, series, decoder: decoderOf(point) }
}

async function read(link: Pick<Link, 'read'>, block: Block): Promise<Answer> {
  const answer = await link.read(block.kind, block.from, block.to - block.from)
  if ('data' in answer || !isGatewayException(answer.exception)) return answer
  const { text, remedy } = explainException(answer.exception)
  throw new Unreachable(`exception-${answer.exception}`, text, { remedy })
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
