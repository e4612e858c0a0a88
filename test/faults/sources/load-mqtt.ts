// Load: 25,000 readings a second over MQTT at QoS 1 through the real agent, one in a message, then ten; a message is acknowledged once it is on
// disk. A case is ten seconds; a busy machine may bring fewer, each line says how many. Nothing may be lost or refused, and the agent keeps up: what it has lags by a few seconds at most.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Campaign } from '../../prove/campaign.ts'
import type { Agent } from '../../route/agent.ts'
import { siteIn, startAgent, sumsOf } from '../../route/agent.ts'
import { until } from '../../route/until.ts'
import { cpuSecondsOf, familyOf, pssOf } from '../../run/processes.ts'
import { startMosquitto } from '../../sources/mqtt/mosquitto.ts'

const PER_SECOND = 25_000
const IN_MESSAGE = [1, 10] as const
const TAGS = 1_000
const CASE_S = 10
const LAG_MS_MAX = 10_000

async function startPublisher(port: number) {
  const options = { port, perSecond: PER_SECOND, tags: TAGS }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load-publisher.main.ts'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the publisher has ended')))
  ended.catch(() => {})
  const answer = async () => ((await Promise.race([once(lines, 'line'), ended])) as [string])[0]
  await answer()
  return {
    async publish(seconds: number, inMessage: number): Promise<number> {
      child.stdin.write(`${seconds} ${inMessage}\n`)
      return Number(await answer())
    },
    async stop() {
      child.kill('SIGKILL')
      await ended.catch(() => {})
    },
  }
}

interface Rig {
  readonly agent: Agent
  readonly publisher: Awaited<ReturnType<typeof startPublisher>>
}

const settingsText = (port: number) => `version: 1
device: { id: hf-load }
log: { bytesMax: 1GB }
classes: [{ name: process }]
sources:
  - { name: hall, protocol: mqtt, url: "mqtt://127.0.0.1:${port}", insecure: loopback, version: 5, subscribe: [
      { topic: "load/x", tag: "load/{$.id}", items: all, value: v, class: process } ] }
`

async function tenSeconds({ agent, publisher }: Rig, before: number, inMessage: number): Promise<number> {
  const pids = familyOf(agent.pid)
  const cpu = cpuSecondsOf(pids)
  const began = performance.now()
  const published = await publisher.publish(CASE_S, inMessage)
  const seconds = (performance.now() - began) / 1000
  const wanted = before + published
  const status = await until(
    `${wanted} readings are in the log`,
    async () => {
      const it = await agent.status()
      return it && sumsOf(it).accepted >= wanted && it
    },
    LAG_MS_MAX,
  )
  const lagMs = Math.round(performance.now() - began - seconds * 1000)
  const { accepted, lost } = sumsOf(status)
  const [source] = status.sources
  const cores = (cpuSecondsOf(pids) - cpu) / (seconds + lagMs / 1000)
  console.log(
    `sources-load-mqtt: ${inMessage} in a message, ${Math.round(published / seconds)} readings/s for ${seconds.toFixed(1)} s, all on disk ${lagMs} ms later; ` +
      `agent ${Math.round(cores * 100)} % of a core, ${Math.round((pssOf(pids) ?? 0) / 1e6)} MB`,
  )
  if (accepted !== wanted) throw new Error(`${accepted} readings, ${wanted} were published`)
  if (lost > 0) throw new Error(`${lost} readings are lost`)
  if (source?.lastError !== undefined && source.lastError !== null) throw new Error(source.lastError)
  return accepted
}

export const loadMqtt: Campaign = {
  id: 'sources-load-mqtt',
  what: `${PER_SECOND} MQTT readings/s at QoS 1 (or what the machine has room for: see the lines), acknowledged after the fsync; each case ${CASE_S} s`,
  short: 2,
  long: 30,
  async run({ dir, isOver, case: one }) {
    const broker = await startMosquitto({
      lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_queued_bytes 0', 'max_inflight_messages 60000'],
    })
    const agent = await startAgent(siteIn(dir, settingsText(broker.port)))
    const publisher = await startPublisher(broker.port)
    try {
      await until('the source is up', async () => (await agent.status())?.sources.some((it) => it.state === 'up'))
      let accepted = 0
      for (let n = 0; !isOver(); n++) {
        const inMessage = IN_MESSAGE[n % IN_MESSAGE.length] as number
        await one(`${CASE_S} s, ${inMessage} in a message`, async () => {
          accepted = await tenSeconds({ agent, publisher }, accepted, inMessage)
        })
      }
    } finally {
      await publisher.stop()
      await agent.end()
      await broker.remove()
    }
  },
}
