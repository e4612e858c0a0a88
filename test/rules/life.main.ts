// A log with rules over it, in their real threads, until it is killed. life.main.ts DIR FROM [UNTIL]
// Each line on standard output says below which reading all are on disk. With UNTIL: reads no more after it, lets the rules catch up and ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { rulesHost } from '../../src/workers/rules-host.ts'
import { CLASSES, readingAt, RULES } from './plan.ts'

const [dir = '', from = '0', last = ''] = process.argv.slice(2)
const until = last === '' ? Infinity : Number(last)
const end = (error: Error): never => {
  console.error(error)
  process.exit(74)
}
const log = await openLog(
  {
    dir,
    device: 'box-1',
    bytesMax: 64_000_000,
    commitBytes: 20_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 86_400_000,
    classes: CLASSES,
    delivery: {},
    uplinks: ['kafka'],
    rules: true,
  },
  end,
)
const wrong = (fields: object) => end(new Error(JSON.stringify(fields)))
const rules = rulesHost({ rules: RULES }, log.rules, { debug: () => {}, info: () => {}, warn: wrong, error: wrong })

const builder = new BatchBuilder(newOrigin(0))
const series = Array.from({ length: 5 }, (_, n) =>
  builder.series({ tag: `plant/${n}`, class: n < 3 ? 'process' : 'debug', kind: 'double' }),
)
await log.reader.restart('kafka', 'none')

/** Until the rules have begun, or have caught up. */
async function rulesAre(far: 'begun' | 'through'): Promise<void> {
  for (;;) {
    const { lagReadings } = await rules.report()
    if (far === 'begun' ? lagReadings !== null : lagReadings === 0) return
    await sleep(20)
  }
}

/** What is delivered is kept only for queries, and for the rules. */
async function deliver(transaction: number): Promise<void> {
  const taken = await log.reader.next({ uplink: 'kafka', lane: 'live', except: ['debug'], bytesMax: 1e6, readingsMax: 3_000 })
  await log.reader.offer('kafka', taken.ranges, {})
  await log.reader.commit('kafka', taken.ranges, transaction, [])
}

// What comes before they begin for the first time is none of theirs.
await rulesAre('begun')
let next = Number(from)
for (let round = 1; next < until; round++) {
  const count = Math.min(until - next, 20 + ((round * 37) % 150))
  for (let k = 0; k < count; k++) {
    const { tag, time, value } = readingAt(next++)
    builder.add(series[tag] as number, time, value)
  }
  await log.writer.append(builder.take(1.7e15))
  process.stdout.write(`${next}\n`)
  if (round % 3 === 0) await deliver(round)
  // Fresh blocks become sealed ones under the rules' hands.
  if (round % 7 === 0) await log.seal()
}
await rulesAre('through')
await rules.stop()
await log.close()
