// A box whose uplink is another box: the settings of both, their certificates and who feeds the lower one.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Site } from './agent.ts'
import { siteIn } from './agent.ts'

const PASSWORD = 'a word between two boxes'
const SECRETS = { HOLDFAST_SECRET_LOWER: PASSWORD, HOLDFAST_SECRET_STRANGE: 'another word altogether' }

export interface Tier {
  readonly lower: Site
  readonly post: Site
  readonly port: number
  /** Settings of the lower box, changed as one likes. */
  lowerText(more?: LowerOptions): string
  postText(more?: PostOptions): string
  /** Publishes readings `{"v": n}`; resolves when the broker has them. */
  publish(topic: string, value: number): Promise<void>
  remove(): Promise<void>
}

export interface LowerOptions {
  readonly device?: string
  readonly secret?: string
  readonly url?: string
  readonly client?: string
}

export interface PostOptions {
  readonly log?: string
  readonly classes?: string
  /** Absent: Kafka. */
  readonly uplinks?: string
  readonly allow?: string
}

const indented = (text: string, by: number) =>
  text
    .trim()
    .split('\n')
    .join(`\n${' '.repeat(by)}`)

/** `bootstrap`: of the cluster that the post sends to. */
export async function makeTier(dir: string, bootstrap: string): Promise<Tier> {
  const certificates = makeCertificates(join(dir, 'certificates'))
  const mosquitto = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 500'],
  })
  const port = await freePort()
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  const env = { ...SECRETS, HOLDFAST_SECRET_POST_KEY: certificates.server.key }
  const [lowerDir, postDir] = [join(dir, 'lower'), join(dir, 'post')]
  for (const it of [lowerDir, postDir]) mkdirSync(it, { recursive: true })

  const ownUrl = `https://localhost:${port}`
  const cloud = `[{ name: cloud, kafka: { brokers: ["${bootstrap}"], insecure: loopback } }]`

  function lowerText(options: LowerOptions = {}): string {
    const { device = 'hf-lower', secret = 'lower', url = ownUrl, client = 'lower' } = options
    return `version: 1
device: { id: ${device}, site: hill }
log: { bytesMax: 64MB }
classes: [{ name: alarm }, { name: process }]
sources:
  - { name: hall, protocol: mqtt, url: "mqtt://127.0.0.1:${mosquitto.port}", insecure: loopback, clientId: ${client}, subscribe: [
      { topic: "process/{n}", qos: 1, tag: "process/{n}", value: v, class: process },
      { topic: "alarm/{n}", qos: 1, tag: "alarm/{n}", value: v, class: alarm },
      { topic: "text/{n}", qos: 1, tag: "text/{n}", value: v, class: process }] }
uplinks:
  - name: post
    box:
      url: ${url}
      password: { secret: ${secret} }
      tls:
        ca: |
          ${indented(certificates.ca, 10)}
`
  }

  function postText(options: PostOptions = {}): string {
    const { log = '{ bytesMax: 64MB }', classes = '[{ name: alarm }, { name: process }]', uplinks = cloud } = options
    const { allow = '[{ device: hf-lower, password: { secret: lower } }]' } = options
    return `version: 1
device: { id: hf-post, site: valley }
log: ${log}
classes: ${classes}
boxes:
  listen: 127.0.0.1:${port}
  tls:
    cert: |
      ${indented(certificates.server.cert, 6)}
    key: { secret: post-key }
  allow: ${allow}
uplinks: ${uplinks}
`
  }

  return {
    lower: siteIn(lowerDir, lowerText(), env),
    post: siteIn(postDir, postText(), env),
    port,
    lowerText,
    postText,
    publish: async (topic, value) => void (await publisher.publishAsync(topic, `{"v":${value}}`, { qos: 1 })),
    async remove() {
      publisher.end(true)
      await mosquitto.remove()
    },
  }
}
