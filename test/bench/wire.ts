// P9: bytes a reading on the wire to a real Kafka, of recorded data that a source polls row by row: every byte that our sockets write, handshakes,
// transactions and positions included. Blocks beside readings, in transactions as a slow link, a fast one and a live class make them.
//
//   node test/bench/wire.ts [--data DIR] [--json]
//
// DIR holds the data sets by name (skab-water-loop, which is not in this tree because of its licence, is measured only with it).
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createEncoder } from '../../src/columns/index.ts'
import { BLOCK_READINGS_MAX } from '../../src/core/bounds.ts'
import type { LogSeries, RawSlice } from '../../src/core/log.ts'
import { kafka } from '../../src/uplinks/kafka/index.ts'
import { createTopics, startBroker } from '../kafka/broker.ts'
import { NEVER, settingsOf } from '../uplinks/kafka/cluster.ts'
import { contextOf, positionOf, rawStream } from '../uplinks/kafka/slices.ts'
import type { Readings } from './arrival.ts'
import { arrivalOrder, random } from './arrival.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print } from './lines.ts'
import { readDataSets } from './recorded.ts'
import { SEED } from './sealed.ts'

const { values: options } = parseArgs({
  options: { data: { type: 'string' }, json: { type: 'boolean', default: false } },
})
const TRANSACTIONS = [100, 1_000, 20_000] as const
const TRANSACTIONS_MAX = 60
/** Of the issue, for blocks in transactions as a backlog makes them. */
const BOUNDS: Readonly<Record<string, number>> = { 'skab-water-loop': 3 }
const note = noter('wire')

/** Fresh blocks, as many to a transaction as it takes. Receive time: 20 to 25 ms after the row, to the microsecond. */
function slicesOf(readings: Readings, device: string, blockReadings: number): RawSlice[] {
  const encode = createEncoder()
  const dice = random(SEED)
  const slices: RawSlice[] = []
  for (let from = 0; from < readings.count; from += blockReadings) {
    const to = Math.min(readings.count, from + blockReadings)
    const row = (i: number) => (readings.row[i] as number) - (readings.row[from] as number)
    const received: number[] = []
    for (let i = from; i < to; i++) received[row(i)] ??= (readings.time[i] as number) + 20_000 + Math.floor(dice() * 5_000)
    const { block } = encode(
      {
        count: to - from,
        series: readings.series.subarray(from, to),
        time: readings.time.subarray(from, to),
        value: readings.value.subarray(from, to),
        quality: new Uint8Array(to - from),
        status: new Uint32Array(to - from),
        batch: Uint16Array.from({ length: to - from }, (_, i) => row(from + i)),
        received: Float64Array.from(received),
        bytes: new Uint8Array(0),
        kindOf: () => 'double',
      },
      { stream: 1, first: from },
    )
    slices.push({ form: 'raw', stream: rawStream(device), from, to, block })
  }
  return slices
}

const sockets: Socket[] = []
subscribe('net.client.socket', (message) => void sockets.push((message as { socket: Socket }).socket))
const written = () => sockets.reduce((sum, it) => sum + it.bytesWritten, 0)

async function measure(
  bootstrap: string,
  name: string,
  readings: Readings,
  records: 'readings' | 'blocks',
  perTransaction: number,
) {
  const device = `${name}-${records}-${perTransaction}`
  const series = new Map(
    readings.tags.map((tag, id): [number, LogSeries] => [id, { id, tag: `hall-1/${tag}`, class: 'process', kind: 'double' }]),
  )
  const blockReadings = Math.min(BLOCK_READINGS_MAX, 800, perTransaction)
  const slices = slicesOf(readings, device, blockReadings)
  const before = written()
  const began = process.cpuUsage()
  const uplink = await kafka.open(settingsOf(bootstrap), { ...contextOf(device), records })
  await uplink.position(NEVER)
  let sent = 0
  for (let at = 0, n = 1; at < slices.length && n <= TRANSACTIONS_MAX; n++) {
    const some: RawSlice[] = []
    for (let count = 0; at < slices.length && count < perTransaction; at++) {
      some.push(slices[at] as RawSlice)
      count += (slices[at] as RawSlice).to - (slices[at] as RawSlice).from
    }
    sent = some.at(-1)?.to ?? 0
    await uplink.send({ slices: some, series, maybeDuplicate: [] }, positionOf(n, rawStream(device), sent), NEVER)
  }
  await uplink.close()
  const { user, system } = process.cpuUsage(began)
  const bytes = (written() - before) / sent
  note(`${device}: ${sent} readings, ${bytes.toFixed(2)} bytes and ${((user + system) / sent).toFixed(2)} CPU µs a reading`)
  return bytes
}

/** A broker that was just started makes its topics for transactions and positions with their first use. */
async function answering(bootstrap: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const uplink = await kafka.open(settingsOf(bootstrap), contextOf('first-of-all'))
    try {
      await uplink.position(NEVER)
      return
    } catch (error) {
      if (tries > 100) throw error
      await sleep(200)
    } finally {
      await uplink.close()
    }
  }
}

note(`${machine()}, seed ${SEED}`)
const broker = await startBroker({ portFrom: 29_400 })
const lines: Line[] = []
try {
  await createTopics(broker.bootstrap, 6)
  await answering(broker.bootstrap)
  for (const set of readDataSets(options.data)) {
    const readings = arrivalOrder(set)
    for (const perTransaction of TRANSACTIONS) {
      const plain = await measure(broker.bootstrap, set.name, readings, 'readings', perTransaction)
      const blocks = await measure(broker.bootstrap, set.name, readings, 'blocks', perTransaction)
      const what = `${set.name}: blocks, ${perTransaction} readings a transaction`
      lines.push(line('P9', what, 'bytes a reading', blocks, [plain, 'readings']))
      const bound = BOUNDS[set.name]
      if (bound !== undefined && perTransaction >= 20_000)
        lines.push(line('P9', what, 'bytes a reading', blocks, [bound, 'the bound']))
    }
  }
} finally {
  await broker.down()
}
print(lines, options.json)
process.exit(0)
