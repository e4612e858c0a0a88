// Writes into a log until it is killed. writes.main.ts DIR FROM
// Each line on standard output says below which value all are acknowledged; values count up from FROM, even ones are alarms.
// Alarms are delivered now and then, nothing else is.
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { openLog } from '../../src/workers/open-log.ts'

const [dir = '', from = '0'] = process.argv.slice(2)
const opening = performance.now()
const log = await openLog(
  {
    dir,
    device: 'box-1',
    bytesMax: 64_000_000,
    commitBytes: 200_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 0,
    classes: ['alarms', 'process'].map((name, n) => ({
      name,
      floorBytes: 0,
      commitEveryMs: 2 + n * 5,
      whenFull: 'reduce' as const,
      ladder: [],
    })),
    delivery: {},
    uplinks: ['kafka'],
  },
  (error) => {
    console.error(error)
    process.exit(74)
  },
)
process.stdout.write(`open ${Math.round(performance.now() - opening)} ${(await log.figures()).epoch}\n`)

const builder = new BatchBuilder(newOrigin(0))
const series = ['alarms', 'process'].map((name) => builder.series({ tag: name, class: name, kind: 'double' }))
let next = Number(from)
await log.reader.restart('kafka', 'none')

/** Delivers some of what is there: blocks vanish and positions move while the kill comes. */
async function deliver(transaction: number): Promise<void> {
  const taken = await log.reader.next({ uplink: 'kafka', lane: 'live', except: ['process'], bytesMax: 1e6, readingsMax: 1000 })
  await log.reader.offer('kafka', taken.ranges, {})
  await log.reader.commit('kafka', taken.ranges, transaction, [])
}

for (let round = 1; ; round++) {
  const acks = []
  for (let i = 0; i < 3; i++) {
    const count = 1 + ((round * 7 + i * 13) % 90)
    for (let k = 0; k < count; k++) builder.add(series[next % 2] as number, 1.7e15, next++)
    if (round % 5 === 0) builder.refuse('process', 'unreadable', 1.7e15, 2)
    acks.push(log.writer.append(builder.take(1.7e15)))
  }
  if (round % 3 === 0) await deliver(round)
  await Promise.all(acks)
  process.stdout.write(`${next}\n`)
}
