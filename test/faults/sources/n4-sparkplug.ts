// N4 for Sparkplug: nodes that send payloads which are none, or contradict what they said before, in any order of births, data and deaths. Nothing
// is thrown, nothing takes longer than a second, what waits and what is remembered stays within bounds, and each payload leaves a trace.
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder } from '../../../src/core/batch.ts'
import { newNodes } from '../../../src/sources/sparkplug/nodes.ts'
import { sparkplugSettings } from '../../../src/sources/sparkplug/settings.ts'
import { newTags } from '../../../src/sources/sparkplug/tags.ts'
import { addressOf } from '../../../src/sources/sparkplug/topics.ts'
import type { Campaign } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import { sparkplugPayload } from './sparkplug-payloads.ts'

const PAYLOADS_A_ROUND = 5_000
const CASE_MS_MAX = 1_000
const WAITING_BYTES_MAX = 16_000_000
const HEAP_GROWTH_MAX = 400_000_000
const MICROS_MAX = 2 ** 53
const TOPICS = [
  'NBIRTH/n',
  'NBIRTH/n',
  'NDATA/n',
  'NDATA/n',
  'NDATA/n',
  'NDEATH/n',
  'DBIRTH/n/d',
  'DDATA/n/d',
  'DDATA/n/d',
  'DDEATH/n/d',
]

function host() {
  const settings = sparkplugSettings.parse({ url: 'mqtt://h', insecure: 'a test', class: 'process' })
  const builder = new BatchBuilder(1)
  const asked: number[] = []
  let at = 0
  let unreadable = 0
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const nodes = newNodes({
    tags: newTags(settings, builder),
    builder,
    log,
    ask: () => asked.push(at) > 0,
    unreadable: () => void unreadable++,
  })
  const came = (isAgain = false) => ({ now: 1.79e15 + at * 1000, at, isFull: false, isAgain })
  return {
    nodes,
    builder,
    asked,
    take(topic: string, payload: Buffer, isAgain: boolean) {
      const address = addressOf(`spBv1.0/g/${topic}`)
      if (!address) throw new Error(topic)
      nodes.take(address, payload, came(isAgain))
    },
    pass(ms: number) {
      at += ms
      nodes.tick(came())
    },
    returned: () => nodes.returned(at),
  }
}

function check(it: ReturnType<typeof host>): void {
  const { count, time, quality } = it.builder.take(1.79e15)
  for (let n = 0; n < count; n++) {
    if (!Number.isInteger(time[n]) || Math.abs(time[n] as number) > MICROS_MAX) throw new Error(`a time of ${time[n]}`)
    if ((quality[n] as number) > 6) throw new Error(`a quality of ${quality[n]}`)
  }
  const { waitingBytes } = it.nodes.figures()
  if (waitingBytes < 0 || waitingBytes > WAITING_BYTES_MAX) throw new Error(`${waitingBytes} bytes wait`)
}

function oneCase(it: ReturnType<typeof host>, topic: string, payload: Buffer, dice: Dice): void {
  const began = performance.now()
  it.take(topic, payload, dice.once(20))
  if (dice.once(10)) it.pass(1_000 * dice.oneOf([1, 1, 5, 40]))
  if (dice.once(200)) it.returned()
  const ms = performance.now() - began
  if (ms > CASE_MS_MAX) throw new Error(`it took ${Math.round(ms)} ms`)
  check(it)
}

export const n4Sparkplug: Campaign = {
  id: 'N4-sparkplug',
  what: 'payloads that are none, births and data that contradict each other',
  short: 50_000,
  long: 5_000_000,
  async run({ dice, isOver, case: one }) {
    const it = host()
    const before = process.memoryUsage().heapUsed
    let seq = 0
    for (let n = 0; n < PAYLOADS_A_ROUND && !isOver(); n++) {
      const topic = dice.oneOf(TOPICS)
      const isBirth = topic.startsWith('NBIRTH')
      seq = isBirth ? 0 : dice.once(15) ? dice.below(256) : (seq + 1) & 255
      const payload = sparkplugPayload(
        topic.startsWith('NDEATH') ? undefined : seq,
        /^N(BIRTH|DEATH)/.test(topic) ? dice.below(3) : undefined,
        dice,
      )
      await one(`${topic} ${payload.subarray(0, 300).toString('hex')}`, async () => oneCase(it, topic, payload, dice))
      if (n % 500 === 0) await sleep(0)
    }
    const grown = process.memoryUsage().heapUsed - before
    if (grown > HEAP_GROWTH_MAX) throw new Error(`the heap has grown by ${grown} bytes`)
    // One node that is asked every second would be the flood that the bound is against.
    const gaps = it.asked.slice(1).map((ms, n) => ms - (it.asked[n] as number))
    if (gaps.some((ms) => ms < 1_000)) throw new Error(`asked again after ${Math.min(...gaps)} ms`)
  },
}
