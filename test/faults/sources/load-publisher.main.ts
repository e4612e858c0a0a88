// Publishes readings at a steady rate, or as fast as broker and machine let it, at QoS 1, one or several in a message. One JSON object as argument: { port, perSecond, tags }.
// Each line of its input is a number of seconds and one of readings in a message; it answers with the number of readings that the broker has taken over in them.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

interface Options {
  readonly port: number
  readonly perSecond: number
  readonly tags: number
}

const TICK_MS = 20
/** A client has 65,535 numbers for messages on their way. */
const ON_WAY_MAX = 20_000
const { port, perSecond, tags } = JSON.parse(process.argv[2] as string) as Options
const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: 'load', writeCache: false })
let next = 0
let taken = 0

function message(inMessage: number): string {
  const items: string[] = []
  for (let n = 0; n < inMessage; n++, next++) items.push(`{"id":${next % tags},"v":${next}}`)
  return `{"all":[${items.join(',')}]}`
}

async function publish(seconds: number, inMessage: number): Promise<void> {
  const began = performance.now()
  const from = next
  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - began) / 1000) {
    const due = from + elapsed * perSecond
    while (next < due && next - taken < ON_WAY_MAX * inMessage)
      client.publish('load/x', message(inMessage), { qos: 1 }, (error) => {
        if (error) throw error
        taken += inMessage
      })
    await sleep(TICK_MS)
  }
  while (taken < next) await sleep(TICK_MS)
}

process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const before = taken
  const [seconds = 0, inMessage = 1] = line.split(' ').map(Number)
  await publish(seconds, inMessage)
  process.stdout.write(`${taken - before}\n`)
}
await client.endAsync(true)
