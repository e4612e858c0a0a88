// `holdfast plant`: starts a plant, checks what became of what it served, breaks its devices.
import { rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BadInput } from '../core/errors.ts'
import { setPlantFault } from './control.ts'
import { FAULT_KINDS, faultOf } from './faults.ts'
import type { Plant, PlantOptions } from './index.ts'
import { runPlant } from './index.ts'
import type { PlantPlan } from './plan.ts'
import type { PlantProtocol } from './presets.ts'
import { demoPlan, evenPlan, loadPlan, PROTOCOLS } from './presets.ts'
import { readServed } from './served.ts'
import { plantSettings } from './settings-yaml.ts'
import { verdictLines } from './verdict-text.ts'
import { verifyPlant } from './verify.ts'

export interface PlantCommandContext {
  /** A line for a person, or the one JSON document. */
  print(line: string): void
  warn(line: string): void
  /** Hands the parsed JSON values of a topic's records to `visit`: committed ones, up to the end that it has now. A topic that does not exist has none. */
  readTopic(brokers: readonly string[], topic: string, visit: (json: unknown) => void, signal: AbortSignal): Promise<void>
}

const OPCUA_PORT = 4840
const MODBUS_PORT = 5020
const TELEMETRY = 'holdfast.telemetry.v1'
const GAPS = 'holdfast.gaps.v1'
const DIR = join(tmpdir(), 'holdfast-plant')

const USAGE = `plant [--preset demo|load] [--tags N --rate R] [--seed S] [--speed X] [--protocols opcua,modbus,mqtt]
      [--mqtt URL] [--opcua-port P] [--modbus-port P] [--port-each] [--user NAME:PASSWORD] [--dir DIR]
      [--settings FILE --brokers HOST:PORT,…]     serves until it is stopped; FILE becomes the settings of a gateway that reads it
plant verify --brokers HOST:PORT,… [--device ID] [--dir DIR] [--undrained] [--strict] [--json]
                                                  what was served against the topics; --strict: loss before the log fails it too
plant fault DEVICE none|stop|slow|wrong [--delay-ms N] [--every-nth N] [--how exception|truncated] [--dir DIR]`

const OPTIONS = {
  dir: { type: 'string', default: DIR },
  preset: { type: 'string', default: 'demo' },
  tags: { type: 'string' },
  rate: { type: 'string' },
  seed: { type: 'string', default: '1' },
  speed: { type: 'string' },
  protocols: { type: 'string', default: PROTOCOLS.join(',') },
  mqtt: { type: 'string' },
  'opcua-port': { type: 'string', default: String(OPCUA_PORT) },
  'modbus-port': { type: 'string', default: String(MODBUS_PORT) },
  'port-each': { type: 'boolean', default: false },
  user: { type: 'string' },
  settings: { type: 'string' },
  brokers: { type: 'string', default: '' },
  device: { type: 'string' },
  undrained: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  'delay-ms': { type: 'string' },
  'every-nth': { type: 'string' },
  how: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new BadInput([{ where: 'plant', text: (error as Error).message, remedy: USAGE }])
  }
}

/** Resolves with the exit status: 0 done, 1 `verify` found an error. Wrong usage is BadInput. */
export async function plantCommand(args: readonly string[], signal: AbortSignal, context: PlantCommandContext): Promise<number> {
  const { values, positionals } = parse(args)
  const [what, ...more] = positionals
  if (values.help) context.print(USAGE)
  else if (what === undefined) await serve(values, signal, context)
  else if (what === 'verify' && more.length === 0) return verify(values, signal, context)
  else if (what === 'fault' && more.length === 2) await fault(more[0] as string, more[1] as string, values, context)
  else throw new BadInput([{ where: positionals.join(' '), text: 'is no such use of plant', remedy: USAGE }])
  return 0
}

async function serve(values: Values, signal: AbortSignal, context: PlantCommandContext): Promise<void> {
  const protocols = protocolsOf(values.protocols)
  const wants = (protocol: PlantProtocol) => protocols.includes(protocol)
  if (wants('mqtt') && values.mqtt === undefined)
    context.warn('no --mqtt URL of a broker to publish to: the plant goes without MQTT')
  const [name, password] = values.user?.split(':') ?? []
  const options: PlantOptions = {
    plan: planOf(values, protocols),
    dir: values.dir,
    ...(wants('opcua') && {
      opcua: { port: wholeNumber('--opcua-port', values['opcua-port'], 0), ...(name && { users: { [name]: password ?? '' } }) },
    }),
    ...(wants('modbus') && {
      modbus: { port: wholeNumber('--modbus-port', values['modbus-port'], 0), portEach: values['port-each'] },
    }),
    ...(wants('mqtt') && values.mqtt !== undefined && { mqtt: { url: values.mqtt } }),
    failed: (error) => context.warn((error as Error).message),
  }
  let settingsWritten = Promise.resolve()
  await runPlant(options, signal, (plant) => {
    announce(plant, context)
    if (values.settings === undefined) return
    const text = plantSettings(options.plan, plant.endpoints, {
      brokers: listOf(values.brokers),
      ...(name && { opcuaUser: name }),
    })
    settingsWritten = writeWhole(values.settings, text).catch((error: unknown) => context.warn((error as Error).message))
  })
  await settingsWritten
}

/** Others wait for the file: it is there whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

function announce({ endpoints, controlPath }: Plant, context: PlantCommandContext): void {
  const ports = Object.values(endpoints.modbusPorts ?? {})
  if (endpoints.opcua) context.print(`OPC UA  ${endpoints.opcua}`)
  if (ports.length > 0) {
    const range = new Set(ports).size > 1 ? `${Math.min(...ports)} to ${Math.max(...ports)}` : String(ports[0])
    context.print(`Modbus  127.0.0.1 port ${range}: ${ports.length} devices`)
  }
  if (endpoints.mqttUrl) context.print(`MQTT    publishes to ${endpoints.mqttUrl}`)
  context.print(`faults  ${controlPath}`)
}

function planOf(values: Values, protocols: readonly PlantProtocol[]): PlantPlan {
  const seed = wholeNumber('--seed', values.seed, 0)
  if (values.tags !== undefined || values.rate !== undefined) {
    return evenPlan(seed, wholeNumber('--tags', values.tags ?? '100', 1), wholeNumber('--rate', values.rate ?? '1', 1), protocols)
  }
  if (values.preset === 'load') return loadPlan(seed)
  if (values.preset !== 'demo') throw new BadInput([{ where: '--preset', text: 'demo or load' }])
  return values.speed === undefined ? demoPlan(seed) : demoPlan(seed, wholeNumber('--speed', values.speed, 1))
}

function protocolsOf(text: string): PlantProtocol[] {
  return listOf(text).map((name) => {
    const known = PROTOCOLS.find((it) => it === name)
    if (!known) throw new BadInput([{ where: '--protocols', text: `${name} is none of ${PROTOCOLS.join(', ')}` }])
    return known
  })
}

async function verify(values: Values, signal: AbortSignal, context: PlantCommandContext): Promise<number> {
  const brokers = listOf(values.brokers)
  if (brokers.length === 0) throw new BadInput([{ where: '--brokers', text: 'is needed: HOST:PORT,…' }])
  const { plan, served } = await readServed(values.dir)
  const verdict = await verifyPlant({
    plan,
    served,
    readings: (visit) => context.readTopic(brokers, TELEMETRY, visit, signal),
    gaps: (visit) => context.readTopic(brokers, GAPS, visit, signal),
    ...(values.device !== undefined && { gateway: values.device }),
    // While the plant runs, its last samples are on their way.
    drained: served.ended && !values.undrained,
  })
  if (values.json) context.print(JSON.stringify(verdict))
  else for (const line of verdictLines(verdict)) context.print(line)
  return verdict.ok && (!values.strict || verdict.missing === 0) ? 0 : 1
}

async function fault(device: string, kind: string, values: Values, context: PlantCommandContext): Promise<void> {
  const number = (name: 'delay-ms' | 'every-nth') =>
    values[name] === undefined ? undefined : wholeNumber(`--${name}`, values[name], 1)
  if (!FAULT_KINDS.some((it) => it === kind)) throw new BadInput([{ where: kind, text: `one of ${FAULT_KINDS.join(', ')}` }])
  const wanted = faultOf({ kind, delayMs: number('delay-ms'), everyNth: number('every-nth'), how: values.how })
  await setPlantFault(join(values.dir, 'control.sock'), device, wanted)
  context.print(`${device}: ${kind}`)
}

function listOf(text: string): string[] {
  return text.split(',').filter((it) => it !== '')
}

function wholeNumber(where: string, text: string, least: number): number {
  const value = Number(text)
  if (text !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new BadInput([{ where, text: `a whole number from ${least} on` }])
}
