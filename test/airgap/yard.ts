// A real Kafka, a real MQTT broker, and boxes (real agents) whose cable to Kafka is cut until a test plugs it in; beside it sticks and importers.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import mqtt from 'mqtt'
import type { ExportResult } from '../../src/airgap/stick.ts'
import { makeKeys } from '../../src/airgap/new-keys.ts'
import type { NewKeys } from '../../src/airgap/new-keys.ts'
import type { ImportResult } from '../../src/commands/command.ts'
import type { VerifyReport } from '../../src/core/verify.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Agent, Answer, Site, Sums } from '../route/agent.ts'
import { holdfast, siteIn, startAgent, sumsOf } from '../route/agent.ts'
import { until } from '../route/until.ts'
import { sequencesIn } from './once.ts'
import type { Cable } from '../run/proxy.ts'
import { openCable } from '../run/proxy.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'

const ITEMS_A_MESSAGE = 1_000
const MESSAGES_AT_A_TIME = 20

export interface Yard {
  readonly dir: string
  readonly broker: Broker
  readonly keys: NewKeys
  /** A box without its agent. `settings`: more lines of its settings, or what makes all of them. */
  box(device: string, settings?: string | WholeSettings): Promise<Box>
  down(): Promise<void>
}

/** Settings of a whole: addresses and keys are the yard's, `topic` is the one that the box reads lists from. */
export interface WholeSettings {
  readonly topic: string
  text(yard: { readonly mqtt: string; readonly kafka: string; readonly keys: NewKeys }): string
}

export interface Box {
  readonly device: string
  readonly site: Site
  readonly stick: string
  readonly cable: Cable
  agent: Agent | undefined
  start(): Promise<Agent>
  /** Publishes so many readings, which no compression makes small, and waits until the log has accepted them. `under`: another topic. */
  produce(count: number, under?: string): Promise<void>
  sums(): Promise<Sums>
  /** `export DIR …` of the command line, with the agent or without. */
  export(args?: readonly string[]): Promise<Answer>
  /** The same, and what it says as JSON; throws where it failed. */
  exported(args?: readonly string[]): Promise<ExportResult & { readonly receipts: readonly unknown[] }>
  importArgs(paths?: readonly string[]): Promise<string[]>
  import(paths?: readonly string[], args?: readonly string[]): Promise<Answer>
  imported(paths?: readonly string[]): Promise<ImportResult>
  verify(): Promise<VerifyReport>
  /** Sequences of each of its streams as an independent reader sees them; waits for so many records. */
  inKafka(count: number): Promise<ReadonlyMap<string, readonly number[]>>
  files(ending?: string): string[]
  end(): Promise<void>
}

export async function openYard(portFrom: number): Promise<Yard> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-airgap-'))
  const broker = await startBroker({ portFrom })
  await createTopics(broker.bootstrap, 3)
  const mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  const keys = await makeKeys(join(dir, 'keys'))
  const boxes: Box[] = []
  return {
    dir,
    broker,
    keys,
    async box(device, settings = '') {
      const it = await openBox({ dir: join(dir, device), device, settings, broker, mosquitto, publisher, keys })
      boxes.push(it)
      return it
    },
    async down() {
      for (const it of boxes) await it.end()
      publisher.end(true)
      await mosquitto.remove()
      await broker.down()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function ownSettings(device: string, more: string): WholeSettings {
  return {
    topic: `${device}/{n}`,
    text: ({ mqtt: address, kafka, keys }) => `version: 1
device: { id: ${device}, site: yard }
classes: [{ name: process }]
sources:
  - { name: hall, protocol: mqtt, url: "mqtt://${address}", insecure: loopback, subscribe: [
      { topic: "${device}/{n}", tag: "count/{n}", items: all, class: process }] }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka}"], insecure: loopback } }
export: { to: [${keys.to}], receipts: "${keys.receipts}", uplink: cloud }
${more}`,
  }
}

interface BoxParts {
  readonly dir: string
  readonly device: string
  readonly settings: string | WholeSettings
  readonly broker: Broker
  readonly mosquitto: Mosquitto
  readonly publisher: mqtt.MqttClient
  readonly keys: NewKeys
}

async function openBox({ dir, device, settings, broker, mosquitto, publisher, keys }: BoxParts): Promise<Box> {
  const stick = join(dir, 'stick')
  mkdirSync(stick, { recursive: true })
  const port = await freePort()
  const cable = await openCable(port, Number(broker.bootstrap.split(':')[1]))
  cable.cut()
  const addresses = { mqtt: `127.0.0.1:${mosquitto.port}`, kafka: `127.0.0.1:${port}`, keys }
  const { topic, text } = typeof settings === 'string' ? ownSettings(device, settings) : settings
  const site = siteIn(dir, text(addresses))
  let produced = 0
  const inData = ['--data', site.data]
  const box: Box = {
    device,
    site,
    stick,
    cable,
    agent: undefined,
    async start() {
      box.agent = await startAgent(site)
      await until('the source is up', async () => (await box.agent?.status())?.sources[0]?.state === 'up')
      return box.agent
    },
    async produce(count, under = topic) {
      const before = (await box.sums()).accepted
      for (let left = count; left > 0; ) {
        const messages: Promise<unknown>[] = []
        for (let n = 0; n < MESSAGES_AT_A_TIME && left > 0; n++) {
          const items = Math.min(left, ITEMS_A_MESSAGE)
          const all = Array.from({ length: items }, () => ({ value: Math.sin(produced++) * 1e6 }))
          messages.push(publisher.publishAsync(under.replace('{n}', String(n)), JSON.stringify({ all }), { qos: 1 }))
          left -= items
        }
        await Promise.all(messages)
      }
      await until(`${count} readings are accepted`, async () => (await box.sums()).accepted >= before + count)
    },
    async sums() {
      const status = await box.agent?.status()
      if (!status) throw new Error('the agent does not answer')
      return sumsOf(status)
    },
    export: (args = []) => holdfast(site, ['export', stick, ...inData, ...args]),
    async exported(args = []) {
      const { code, out, err } = await box.export(['--json', ...args])
      if (code !== 0) throw new Error(`export: exit ${code}: ${err}${out}`)
      return JSON.parse(out) as ExportResult & { receipts: unknown[] }
    },
    async importArgs(paths = [stick]) {
      const { out } = await holdfast(site, ['export', 'key', ...inData])
      const trusted = ['--box-key', out.trim(), '--identity', keys.identity, '--receipt-key', keys.receiptKey]
      return ['import', ...paths, '--brokers', broker.bootstrap, ...trusted]
    },
    import: async (paths, args = []) => holdfast(site, [...(await box.importArgs(paths)), ...args]),
    async imported(paths) {
      const { code, out, err } = await box.import(paths, ['--json'])
      if (code !== 0) throw new Error(`import: exit ${code}: ${err}${out}`)
      return JSON.parse(out) as ImportResult
    },
    async verify() {
      const { out, err } = await holdfast(site, ['verify', '--brokers', broker.bootstrap, '--device', device, '--json'])
      if (out === '') throw new Error(`verify: ${err}`)
      return JSON.parse(out) as VerifyReport
    },
    inKafka: (count) => sequencesIn(broker.bootstrap, [TOPICS.telemetry, TOPICS.gaps, TOPICS.aggregates], device, count),
    files: (ending = '.hfx') =>
      readdirSync(stick)
        .filter((it) => it.endsWith(ending))
        .map((it) => join(stick, basename(it))),
    async end() {
      await box.agent?.end()
      await cable.close()
    },
  }
  return box
}
