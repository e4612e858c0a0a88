// Everything that a run needs, started in its order and ended in the reverse:
//
//   mosquitto ─► plant (OPC UA, Modbus, MQTT) ─► agent ─► cable ─► Kafka
//                                            page ─┘
//
// Kafka's and the agent's data stay under run/NAME for the next time; the plant's book of what it served too.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeptAgent } from './agent.ts'
import { keepAgent } from './agent.ts'
import type { Child } from './child.ts'
import { commandOf, endLeftOver, lastLines, startChild } from './child.ts'
import type { Answer } from './holdfast.ts'
import { cli, holdfast, project } from './holdfast.ts'
import type { Broker } from './kafka.ts'
import { broker, createTopics } from './kafka.ts'
import type { Options } from './options.ts'
import type { Cable } from './proxy.ts'
import { openCable } from './proxy.ts'
import { step } from './say.ts'

const TOPICS = ['holdfast.telemetry.v1', 'holdfast.aggregates.v1', 'holdfast.events.v1', 'holdfast.gaps.v1']
const PARTITIONS = 4
/** What the plant calls the gateway in the settings that it writes. */
const DEVICE = 'hf-plant'
const READY_MS_MAX = 180_000
const PORT_COUNT = 10
/** The one that a person looks at. */
const PAGE_SCENE = 'demo'

export interface Scene {
  readonly name: string
  readonly dir: string
  readonly kafka: Broker
  readonly cable: Cable
  readonly agent: KeptAgent
  /** The panel's; undefined where the scene has none. */
  readonly page: Page | undefined
  /** The plant serves nothing from here on, and its book is complete. */
  endPlant(): Promise<void>
  /** For a person. */
  verify(signal: AbortSignal): Promise<Answer>
  /** As JSON. */
  plantVerify(signal: AbortSignal): Promise<Answer>
  /** Ends all of it, whatever is left. */
  close(): Promise<void>
}

export interface Page {
  readonly url: string
  /** Of its certificate. */
  readonly fingerprint: string
  /** Until somebody has claimed the box. */
  claimCode(): string | undefined
}

export type Preset = 'demo' | 'load'

/** Where a scene has its files and ports. */
interface Layout {
  readonly name: string
  readonly preset: Preset
  readonly dir: string
  readonly plantDir: string
  readonly dataDir: string
  readonly settingsFile: string
  readonly ports: Ports
  readonly kafka: Broker
}

function layoutOf(name: string, preset: Preset, first: number): Layout {
  const dir = join(project, 'run', name)
  const ports = portsFrom(first)
  const at = (path: string) => join(dir, path)
  const kafka = broker(at('kafka'), ports.kafka)
  return { name, preset, dir, plantDir: at('plant'), dataDir: at('data'), settingsFile: at('settings.yaml'), ports, kafka }
}

/** `name` is the folder under run/, `program` the word before each line. `tell` hears what happens by itself later. */
export async function openScene(
  program: string,
  name: string,
  preset: Preset,
  options: Options,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<Scene> {
  const layout = layoutOf(name, preset, options.ports)
  const endings: (() => Promise<void>)[] = []
  const close = async () => {
    for (const end of endings.splice(0).toReversed()) await end().catch((error: unknown) => tell(String(error)))
  }
  await takeOver(layout)
  if (options.fresh)
    for (const it of [layout.kafka.dir, layout.dataDir, layout.plantDir]) rmSync(it, { recursive: true, force: true })
  mkdirSync(layout.plantDir, { recursive: true })
  await refuseTakenPorts(options.ports)
  try {
    return { ...(await startParts(program, layout, endings, tell, signal)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startParts(
  program: string,
  layout: Layout,
  endings: (() => Promise<void>)[],
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<Omit<Scene, 'close'>> {
  const { name, dir, kafka, ports } = layout
  const started = <T extends { end(): Promise<void> }>(part: T): T => {
    endings.push(() => part.end())
    return part
  }
  started({ end: kafka.down })
  await step(program, `Kafka answers on ${kafka.address}`, kafka.up)
  signal.throwIfAborted()
  await step(program, `${TOPICS.length} topics of ${PARTITIONS} partitions`, () =>
    createTopics(kafka.address, PARTITIONS, TOPICS),
  )
  const cable = await openCable(ports.kafka + 3, ports.kafka + 2)
  started({ end: cable.close })
  started(startMosquitto(dir, ports.mqtt))
  const plant = started(startPlant(layout))
  const serving = `the plant serves OPC UA on port ${ports.opcua}, Modbus on ${ports.modbus}, MQTT through ${ports.mqtt}`
  await step(program, serving, () => ready(plant, async () => isWritten(layout.settingsFile), signal))
  const agent = started(keepAgent(dir, layout.settingsFile, layout.dataDir, tell))
  const answering = `the agent answers; its log is run/${name}/agent.log`
  await step(program, answering, () => ready(agent, async () => (await agent.status()) !== undefined, signal))
  const page = layout.name === PAGE_SCENE ? await startPage(program, layout, started, signal) : undefined
  const device = ['--device', DEVICE, '--brokers', kafka.address]
  return {
    name,
    dir,
    kafka,
    cable,
    agent,
    page,
    endPlant: plant.end,
    verify: (stop) => holdfast(['verify', ...device], stop),
    plantVerify: (stop) => holdfast(['plant', 'verify', '--json', ...device, '--dir', layout.plantDir], stop),
  }
}

interface Ports {
  readonly kafka: number
  readonly mqtt: number
  readonly opcua: number
  readonly modbus: number
  readonly page: number
}

function portsFrom(first: number): Ports {
  return { kafka: first, mqtt: first + 4, opcua: first + 5, modbus: first + 6, page: first + 7 }
}

/** What an earlier run left that was killed itself; another one that is still at work is left alone. */
async function takeOver({ dir, kafka }: Layout): Promise<void> {
  mkdirSync(dir, { recursive: true })
  const owner = join(dir, 'run.pid')
  const pid = Number(lastLines(owner, 1)[0] ?? 0)
  if (pid !== process.pid && commandOf(pid).includes('test/run/')) {
    throw new Error(`another run is at work in ${dir} (process ${pid}): end it first`)
  }
  writeFileSync(owner, `${process.pid}\n`)
  await endLeftOver(dir, 'panel', cli)
  await endLeftOver(dir, 'agent', cli)
  await endLeftOver(dir, 'plant', cli)
  await endLeftOver(dir, 'mosquitto', 'mosquitto')
  await kafka.down()
}

async function refuseTakenPorts(first: number): Promise<void> {
  for (let port = first; port < first + PORT_COUNT; port++) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      const text = `port ${port} is taken by another program; PORTS=N chooses another first of ten`
      server.once('error', () => reject(new Error(text)))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
    })
  }
}

function startMosquitto(dir: string, port: number): Child {
  const config = join(dir, 'mosquitto.conf')
  // Unlimited: an agent that is away must find all that was published meanwhile.
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'max_queued_messages 0',
    'log_dest stdout',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  // Debian puts it where only root looks.
  return startChild(dir, 'mosquitto', 'mosquitto', ['-c', config], { PATH: `${process.env.PATH}:/usr/sbin` })
}

async function startPage(
  program: string,
  { dir, dataDir, ports }: Layout,
  started: (part: Child) => Child,
  signal: AbortSignal,
): Promise<Page> {
  const where = join(dataDir, 'run', 'panel.json')
  rmSync(where, { force: true })
  const args = [...process.execArgv, cli, 'panel', '--data', dataDir, '--listen', `127.0.0.1:${ports.page}`]
  const panel = started(startChild(dir, 'panel', process.execPath, args))
  await step(program, `the page: https://127.0.0.1:${ports.page}`, () => ready(panel, async () => isWritten(where), signal))
  const { fingerprint } = JSON.parse(readFileSync(where, 'utf8')) as { fingerprint: string }
  return {
    url: `https://127.0.0.1:${ports.page}`,
    fingerprint,
    claimCode: () => lastLines(join(dataDir, 'access', 'claim-code'), 1)[0]?.trim() || undefined,
  }
}

function startPlant({ dir, plantDir, preset, ports, kafka, settingsFile }: Layout): Child {
  rmSync(settingsFile, { force: true })
  const serves = [
    '--opcua-port',
    String(ports.opcua),
    '--modbus-port',
    String(ports.modbus),
    '--mqtt',
    `mqtt://127.0.0.1:${ports.mqtt}`,
  ]
  const writes = ['--dir', plantDir, '--settings', settingsFile, '--brokers', kafka.uplinkAddress]
  return startChild(dir, 'plant', process.execPath, [...process.execArgv, cli, 'plant', '--preset', preset, ...serves, ...writes])
}

/** The plant writes it once all its devices serve. */
function isWritten(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
}

interface Starting {
  readonly name: string
  readonly logFile: string
  isRunning(): boolean
}

async function ready(part: Starting, isReady: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX
  while (!(await isReady())) {
    if (!part.isRunning() || performance.now() > deadline) {
      const what = `the ${part.name} ${part.isRunning() ? 'does not answer' : 'has ended'}; the last lines of its log:`
      throw new Error([what, ...lastLines(part.logFile, 15)].join('\n  '))
    }
    await sleep(100, undefined, { signal })
  }
}
