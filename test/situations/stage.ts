// What stands around a box in these tests: a broker that wants TLS and a password, and a cluster behind mutual TLS on a link that swallows everything
// until a test says that it is there.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import tls from 'node:tls'
import { recordsOf } from '../faults/kafka/model-rig.ts'
import type { Record } from '../faults/kafka/landed.ts'
import { TOPICS } from '../kafka/broker.ts'
import { startModel } from '../kafka-model/server.ts'
import type { Site } from '../route/agent.ts'
import { siteIn } from '../route/agent.ts'
import type { Certificates } from '../sources/mqtt/certificates.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { situationText } from './read.ts'

/** Who publishes, and by which word. */
export const PLANT = { username: 'plant', password: 'word of the plant' } as const

/** `port` is for whoever publishes, `securePort` for the box, as the user `gateway`. */
export async function secureBroker(
  { ca, server }: Certificates,
  password: string,
): Promise<Mosquitto & { readonly securePort: number }> {
  const securePort = await freePort()
  const broker = await startMosquitto({
    lines: [
      'allow_anonymous false',
      'password_file DIR/users',
      'max_queued_messages 0',
      `listener ${securePort} 127.0.0.1`,
      'cafile DIR/ca.pem',
      'certfile DIR/server.pem',
      'keyfile DIR/server.key',
    ],
    files: { 'ca.pem': ca, 'server.pem': server.cert, 'server.key': server.key },
    prepare(dir) {
      const users = join(dir, 'users')
      execFileSync('mosquitto_passwd', ['-c', '-b', users, 'gateway', password])
      execFileSync('mosquitto_passwd', ['-b', users, PLANT.username, PLANT.password])
    },
  })
  return { ...broker, securePort }
}

export interface Cluster {
  readonly address: string
  /** The link is there: from now on, and for those who wait. */
  plug(): void
  /** What a read_committed reader sees. */
  readings(): Record[]
  close(): Promise<void>
}

export async function cluster({ ca, server: { cert, key } }: Certificates): Promise<Cluster> {
  const waiting: Socket[] = []
  let isPlugged = false
  const link = createServer((near) => {
    near.on('error', () => {})
    if (isPlugged) joined(near, portOf(door))
    else waiting.push(near)
  })
  const topics = Object.fromEntries(Object.values(TOPICS).map((it) => [it, 1]))
  const model = await startModel({ topics, advertisedHost: 'localhost', advertisedPort: () => portOf(link) })
  const door = tls.createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (near) =>
    joined(near, model.port),
  )
  await Promise.all([link, door].map((it) => once(it.listen(0, '127.0.0.1'), 'listening')))
  return {
    address: `localhost:${portOf(link)}`,
    plug() {
      isPlugged = true
      for (const it of waiting.splice(0)) joined(it, portOf(door))
    },
    readings: () => model.state.committed(TOPICS.telemetry, 0).flatMap(recordsOf),
    async close() {
      for (const it of waiting) it.destroy()
      await model.close()
      await Promise.all([link, door].map((it) => new Promise((resolve) => it.close(resolve))))
    },
  }
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** Both ways, and the end of one is the end of the other. */
function joined(near: Duplex, port: number): void {
  const far = connect(port, '127.0.0.1')
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
    one.pipe(other)
  }
}

/** A box with the settings of a situation as they stand, at addresses that a test has: each of `places` is there, and nothing else is changed. */
export function boxOf(
  dir: string,
  name: string,
  places: Readonly<{ [from: string]: string }>,
  secrets: Readonly<{ [variable: string]: string }>,
  values?: string,
): Site {
  const text = Object.entries(places).reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`${name}: nothing says ${from}`)
    return all.replaceAll(from, to)
  }, situationText(name))
  const site = siteIn(dir, text, secrets)
  if (values === undefined) return site
  const file = join(dir, 'values.yaml')
  writeFileSync(file, values)
  return { ...site, values: file }
}
