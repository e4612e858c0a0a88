// A connection goes out from the address that its route has, and counts what it carries.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Uplink } from '../../../src/core/uplink.ts'
import { countTraffic } from '../../../src/workers/traffic.ts'
import { openCluster } from '../../../src/uplinks/kafka/cluster.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { createTopics, startBroker } from '../../kafka/broker.ts'
import { CLIENTS, NEVER, settled, settingsOf } from './cluster.ts'
import type { Freezer } from './freezer.ts'
import { freezer } from './freezer.ts'
import { batchOf, contextOf, doubles, positionOf, rawStream } from './slices.ts'

const PROXY_PORT = 25_898
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

let broker: Broker
let link: Freezer
beforeAll(async () => {
  const properties = { 'advertised.listeners': `PLAIN://localhost:${PROXY_PORT}` }
  broker = await startBroker({ portFrom: 25_800, properties })
  const [host = '', port = ''] = broker.bootstrap.split(':')
  link = await freezer(PROXY_PORT, { host, port: Number(port) })
  await createTopics(`127.0.0.1:${PROXY_PORT}`, 3)
  await settled(`127.0.0.1:${PROXY_PORT}`)
})
afterAll(async () => {
  await link?.close()
  await broker?.down()
})

async function sendOne(uplink: Uplink, device: string): Promise<void> {
  await uplink.position(NEVER)
  const stream = rawStream(device)
  await uplink.send(batchOf(doubles(stream, 0, 100)), positionOf(1, stream, 100), NEVER)
  await uplink.close()
}

test.each(CLIENTS)('%s: every socket has the source address of the route, by a name of the hosts file too', async (client) => {
  const localAddress = client === 'direct' ? '127.0.0.2' : '127.0.0.3'
  const device = `routed-${client}`
  const context = { ...contextOf(device), route: { link: 'lo', localAddress } }
  const settings = settingsOf(`localhost:${PROXY_PORT}`, { client })
  const before = link.callers.length
  const uplink = await kafka.open(settings, context)
  await sendOne(uplink, device)
  for await (const it of kafka.test(settings, context, NEVER)) expect(it).toMatchObject({ ok: true })
  // The broker comes the same way: it talks with itself about transactions.
  const callers = link.callers.slice(before).filter((it) => it.client === '' || it.client.startsWith('holdfast.'))
  expect(callers.length).toBeGreaterThan(2)
  expect(callers.filter((it) => it.address !== localAddress)).toEqual([])
})

test.each(CLIENTS)('%s: what it says to have carried is what came at the far end', async (client) => {
  const before = link.carried()
  const traffic = countTraffic()
  const options = { identity: `counted-${client}`, log: SILENT, localAddress: undefined, traffic }
  const cluster = await openCluster(settingsOf(`127.0.0.1:${PROXY_PORT}`, { client }), options)
  await cluster.topics(['holdfast.telemetry.v1'])
  await cluster.fence(NEVER)
  const there = link.carried()
  const all = there.sent - before.sent + there.received - before.received
  expect(all).toBeGreaterThan(200)
  expect(traffic.bytes()).toBe(all)
  await cluster.close()
  cluster.destroy()
  // Sockets that are closed still count.
  expect(traffic.bytes()).toBeGreaterThanOrEqual(all)
})
