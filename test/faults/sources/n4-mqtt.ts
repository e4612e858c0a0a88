// N4 for MQTT: a broker that sends broken packets to our client, and publishers whose payloads are no payloads. Nothing is thrown past the client,
// nothing takes longer than a second, memory stays within its bound, and what is good beside it comes through.
import { setTimeout as sleep } from 'node:timers/promises'
import { newClient } from '../../../src/clients/mqtt/connect.ts'
import { BatchBuilder } from '../../../src/core/batch.ts'
import { compileMappings } from '../../../src/sources/mqtt/mapping.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import { watchErrors } from './errors.ts'
import { script, startHostileBroker } from './hostile-broker.ts'
import { payloadOf } from './json-payloads.ts'

const CONNECTIONS_A_ROUND = 500
const PAYLOADS_A_ROUND = 2_000
const AT_A_TIME = 10
const CASE_MS_MAX = 1_000
/** From hearing the end of the connection on; a busy machine is not a hang. */
const ENDS_MS_MAX = 10_000
const HEAP_GROWTH_MAX = 300_000_000
const NOW = 1_800_000_000_000_000
const MICROS_MAX = 2 ** 53

async function connection(port: number, is5: boolean, errors: { check(): void }): Promise<void> {
  const client = newClient({
    url: `mqtt://127.0.0.1:${port}`,
    clientId: 'n4',
    version: is5 ? 5 : '3.1.1',
    keepAliveMs: 30_000,
    isClean: true,
    packetBytesMax: 100_000,
  })
  client.handleMessage = (_packet, done) => done()
  client.on('error', () => {})
  client.on('connect', () => client.subscribe('plant/#', () => {}))
  const closed = new Promise<void>((resolve) => client.once('close', resolve))
  client.connect()
  const isClosed = await Promise.race([closed.then(() => true), sleep(ENDS_MS_MAX, false)])
  client.end(true)
  if (!isClosed) throw new Error('the connection did not end')
  errors.check()
}

async function packets(round: Round): Promise<void> {
  const { dice, isOver } = round
  const errors = watchErrors()
  let next: { readonly bytes: Buffer; readonly cutAt: number } = { bytes: Buffer.alloc(0), cutAt: 0 }
  const broker = await startHostileBroker(() => next)
  try {
    for (let n = 0; n < CONNECTIONS_A_ROUND && !isOver(); n++) {
      const is5 = dice.once(2)
      const bytes = script(is5, dice)
      next = { bytes, cutAt: dice.below(bytes.length + 1) }
      await round.case(`${is5 ? 'MQTT 5' : 'MQTT 3.1.1'}, cut at ${next.cutAt}: ${bytes.toString('hex').slice(0, 400)}`, () =>
        connection(broker.port, is5, errors),
      )
    }
  } finally {
    broker.close()
    errors.end()
  }
}

const ENTRIES = [
  { topic: 'plant/{line}/{sensor}', tag: '{line}/{sensor}' },
  { topic: 'plant/#', tag: 'x/{$.id}/{$.a.b}', value: 'v', time: 'ts', quality: 'q' },
  { topic: 'plant/+/speed', tag: 'items/{$.id}', items: 'all', time: 'ts' },
  { topic: 'plant/{line}/long', tag: '{line}/long', type: 'long' },
  {
    topic: 'plant/{line}/t',
    tag: '{line}/t',
    transform: '$each($, function($v, $k) { { "tag": $k, "value": $v, "time": ts } })',
  },
].map((it) => ({ ...it, class: 'process' }))

/** What a batch must be to be kept and sent. */
function checkBatch(builder: BatchBuilder): void {
  const { count, time, quality, series } = builder.take(NOW)
  for (let n = 0; n < count; n++) {
    if (!Number.isInteger(time[n]) || Math.abs(time[n] as number) > MICROS_MAX) throw new Error(`a time of ${time[n]}`)
    if ((quality[n] as number) > 6 || series[n] === undefined) throw new Error(`a quality of ${quality[n]}`)
  }
}

function takes(dice: Dice) {
  const { subscribe } = mqttSettings.parse({ url: 'mqtt://h', insecure: 'a test', subscribe: ENTRIES })
  const builder = new BatchBuilder(1)
  const mappings = compileMappings(subscribe, builder)
  return (payload: Buffer) => {
    const topic = dice.oneOf(['plant/a/speed', 'plant/a/long', 'plant/b/t', 'plant/c', 'plant/\u0000/x', 'plant//'])
    const began = performance.now()
    const unread = mappings.take({ topic, payload, dup: dice.once(4), retain: dice.once(4) }, NOW, dice.once(50))
    const ms = performance.now() - began
    if (ms > CASE_MS_MAX) throw new Error(`it took ${Math.round(ms)} ms`)
    if (unread > 0 && builder.isEmpty) throw new Error('what could not be read is nowhere named')
    checkBatch(builder)
  }
}

async function payloads(round: Round): Promise<void> {
  const { dice, isOver } = round
  const take = takes(dice)
  for (let n = 0; n < PAYLOADS_A_ROUND && !isOver(); n++) {
    const payload = payloadOf(dice)
    await round.case(`payload ${payload.subarray(0, 200).toString('hex')}`, async () => take(payload))
    // A turn of the loop now and then, as traffic would.
    if (n % (AT_A_TIME * 10) === 0) await sleep(0)
  }
}

export const n4Mqtt: Campaign = {
  id: 'N4-mqtt',
  what: 'broken packets from a broker, payloads that are none',
  short: 50_000,
  long: 5_000_000,
  async run(round) {
    const before = process.memoryUsage().heapUsed
    await packets(round)
    await payloads(round)
    const grown = process.memoryUsage().heapUsed - before
    if (grown > HEAP_GROWTH_MAX) throw new Error(`the heap has grown by ${grown} bytes`)
  },
}
