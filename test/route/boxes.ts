// A box whose uplink is another box: the situation of the command post as it stands, at addresses that a test has.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Site } from './agent.ts'
import { siteIn } from './agent.ts'

const SITUATION = join(import.meta.dirname, '../situations/command-post')
const PASSWORD = 'a word between two boxes'

export interface Tier {
  readonly lower: Site
  readonly post: Site
  /** Publishes a reading `{"v": n}`; resolves when the broker has it. */
  publish(topic: string, value: number): Promise<void>
  remove(): Promise<void>
}

/** `bootstrap`: of the cluster that the post sends to. */
export async function makeTier(dir: string, bootstrap: string): Promise<Tier> {
  const { ca, server } = makeCertificates(join(dir, 'certificates'))
  const mosquitto = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 500'],
  })
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  const addresses = {
    '10.30.1.5:8460': `127.0.0.1:${await freePort()}`,
    '10.30.7.2:1883': `127.0.0.1:${mosquitto.port}`,
    '10.40.0.9:9092': bootstrap,
  }
  const secrets = {
    HOLDFAST_SECRET_POST: PASSWORD,
    HOLDFAST_SECRET_POST_CA: ca,
    HOLDFAST_SECRET_HF_LOWER: PASSWORD,
    HOLDFAST_SECRET_POST_CERT: server.cert,
    HOLDFAST_SECRET_POST_KEY: server.key,
  }
  const site = (name: string): Site => {
    const text = Object.entries(addresses).reduce(
      (all, [from, to]) => all.replaceAll(from, to),
      readFileSync(join(SITUATION, `${name}.yaml`), 'utf8'),
    )
    mkdirSync(join(dir, name), { recursive: true })
    return siteIn(join(dir, name), text, secrets)
  }
  return {
    lower: site('box'),
    post: site('post'),
    publish: async (topic, value) => void (await publisher.publishAsync(topic, `{"v":${value}}`, { qos: 1 })),
    async remove() {
      publisher.end(true)
      await mosquitto.remove()
    },
  }
}
