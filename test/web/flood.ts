// An agent that takes in 2,000 readings a second, beside it a panel or an idle listener, and somebody who floods that: what the agent loses, how long
// its commits take, and whether the owner still gets in.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import type { Agent } from '../route/agent.ts'
import { siteIn, startAgent, sumsOf } from '../route/agent.ts'
import { until } from '../route/until.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { browser } from './panel.ts'

const PER_SECOND = 2_000
const STEP_MS = 20
const SLOW = 500
const PASSWORD = 'four words by chance'

export interface FloodFigures {
  readonly published: number
  readonly accepted: number
  readonly lost: number
  /** Milliseconds: the greatest that was seen of the p99 of the last hundred fsyncs, and the middle of what was seen. */
  readonly commitMs: { readonly worst: number; readonly middle: number }
  /** Of each log-in from another address during the flood. */
  readonly logInMs: readonly number[]
  readonly junk: { readonly opened: number; readonly sent: number }
  readonly slow: { readonly opened: number }
  readonly panelBytes: number
}

const settings = (port: number) => `version: 1
device: { id: hf-flood, site: s }
classes: [{ name: process }]
sources:
  - name: hall
    protocol: mqtt
    url: mqtt://127.0.0.1:${port}
    insecure: loopback
    subscribe: [{ topic: "a/{b}", tag: "a/{b}", value: v, class: process }]
`

export async function measureFlood(target: 'panel' | 'listener', seconds: number): Promise<FloodFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-flood-'))
  const mosquitto = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 0'],
  })
  const site = siteIn(dir, settings(mosquitto.port))
  const children: { end(): Promise<void> }[] = []
  try {
    const agent = await startAgent(site)
    children.push(agent)
    await until('the source is up', async () => (await agent.status())?.sources[0]?.state === 'up')
    const place = target === 'panel' ? await startPanelProcess(dir, site.data) : await idleListener()
    children.push(place)
    const junk = [flood(place.port, '127.0.0.66', 'junk'), flood(place.port, '127.0.0.67', String(SLOW))]
    children.push(...junk)
    return await measure(agent, mosquitto.port, place, junk as [Flood, Flood], seconds)
  } finally {
    for (const it of children.toReversed()) await it.end()
    await mosquitto.remove()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Place {
  readonly port: number
  readonly url: string | undefined
  readonly pid: number | undefined
  end(): Promise<void>
}

async function measure(
  agent: Agent,
  broker: number,
  place: Place,
  [junk, slow]: readonly [Flood, Flood],
  seconds: number,
): Promise<FloodFigures> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker}`)
  const seen: number[] = []
  const logInMs: number[] = []
  const stop = new AbortController()
  const watching = (async () => {
    while (!stop.signal.aborted) {
      seen.push((await agent.status())?.log.commitMs.p99 ?? Number.NaN)
      if (place.url !== undefined) logInMs.push(await logIn(place.url))
      await sleep(1_000)
    }
  })()
  const published = await publish(client, seconds * 1_000)
  stop.abort()
  await watching
  await client.endAsync()
  const sums = await until('all is taken in', async () => {
    const status = await agent.status()
    return status && sumsOf(status).accepted >= published && sumsOf(status)
  })
  const ordered = seen.filter(Number.isFinite).toSorted((a, b) => a - b)
  return {
    published,
    accepted: sums.accepted,
    lost: sums.lost,
    commitMs: { worst: ordered.at(-1) ?? Number.NaN, middle: ordered[Math.floor(ordered.length / 2)] ?? Number.NaN },
    logInMs,
    junk: junk.done(),
    slow: slow.done(),
    panelBytes: place.pid === undefined ? 0 : residentBytes(place.pid),
  }
}

/** Yields how many messages the broker has taken. */
async function publish(client: mqtt.MqttClient, ms: number): Promise<number> {
  const begun = performance.now()
  const taken: Promise<unknown>[] = []
  while (performance.now() - begun < ms) {
    const due = Math.floor(((performance.now() - begun) * PER_SECOND) / 1_000)
    while (taken.length < due) taken.push(client.publishAsync(`a/${taken.length % 50}`, `{"v":${taken.length}}`, { qos: 1 }))
    await sleep(STEP_MS)
  }
  await Promise.all(taken)
  return taken.length
}

/** From an address that guesses nothing, and with the password. */
async function logIn(url: string): Promise<number> {
  const begun = performance.now()
  const reply = await browser(url).logIn('anna', PASSWORD, '127.0.0.2')
  if (reply.status !== 200) throw new Error(`the owner is kept out: ${reply.status} ${reply.text}`)
  return Math.round(performance.now() - begun)
}

interface Flood {
  done(): { readonly opened: number; readonly sent: number }
  end(): Promise<void>
}

function flood(port: number, from: string, what: string): Flood {
  const main = join(import.meta.dirname, 'junk.main.ts')
  const child: ChildProcess = spawn(process.execPath, [main, '127.0.0.1', String(port), from, what], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let last = '{"opened":0,"sent":0}'
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    last = text.trimEnd().split('\n').at(-1) ?? last
  })
  return {
    done: () => JSON.parse(last) as { opened: number; sent: number },
    async end() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function startPanelProcess(dir: string, data: string): Promise<Place> {
  const child: Child = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', data, '--listen', '127.0.0.1:0'])
  const said = join(data, 'run', 'panel.json')
  await until('the panel is up', () => existsSync(said))
  const { url } = JSON.parse(readFileSync(said, 'utf8')) as { url: string }
  const code = readFileSync(join(data, 'access', 'claim-code'), 'utf8').trim()
  const claimed = await browser(url).claim(code)
  if (claimed.status !== 200) throw new Error(`not claimed: ${claimed.text}`)
  return { port: Number(new URL(url).port), url, pid: child.pid, end: () => child.end() }
}

/** Takes connections and does nothing with them: a process of its own, as the panel is one. */
async function idleListener(): Promise<Place> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'idle.main.ts')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = once(child, 'exit')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    port: Number(String(line)),
    url: undefined,
    pid: undefined,
    async end() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1_024
}
