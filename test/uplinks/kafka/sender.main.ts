// Sends readings through the Kafka uplink for as long as it lives, going on from the position. Killed by the test, again and again.
// Arguments: bootstrap, device, transactions after which it ends by itself, readings a transaction, client.
import type { Client } from './cluster.ts'
import { openFor, NEVER } from './cluster.ts'
import { batchOf, doubles, rawStream } from './slices.ts'
import { streamKey } from '../../../src/core/stream.ts'

const [bootstrap = '', device = '', transactions = '0', readings = '0', client = 'direct'] = process.argv.slice(2)
const stream = rawStream(device)
const key = streamKey(stream)
const count = Number(readings)
/** The last transaction that is known to be committed. */
let told = 0

for (;;) {
  try {
    await work()
    process.exit(0)
  } catch {
    // Doubt: everything anew, from the position.
    await new Promise((done) => setTimeout(done, 200))
  }
}

async function work(): Promise<void> {
  const uplink = await openFor(bootstrap, device, {
    headers: 'id',
    brokers: bootstrap.split(','),
    client: client as Client,
  })
  try {
    const found = await uplink.position(NEVER, told)
    let { transaction, delivered } = found === 'none' ? { transaction: 0, delivered: new Map() } : found
    let next = delivered.get(key)?.[0]?.to ?? 0
    while (transaction < Number(transactions)) {
      const last = transaction + 1 === Number(transactions)
      delivered = new Map([[key, [{ from: 0, to: next + count }]]])
      const batch = batchOf(doubles(stream, next, count, 50))
      const checkpoint = { reason: 'drained' as const, streams: { [key]: { next: next + count, lost: 0 } } }
      await uplink.send(last ? { ...batch, checkpoint } : batch, { transaction: ++transaction, delivered }, NEVER)
      told = transaction
      next += count
      process.stdout.write(`${transaction}\n`)
    }
  } finally {
    await uplink.close()
  }
}
