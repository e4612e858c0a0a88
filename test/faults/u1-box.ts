// One update of a simulated box by the real updater and the real RAUC, on a disk that is written down, while it reads a plant; and such a box again.
import { execFileSync } from 'node:child_process'
import { copyFileSync, createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { isHarm } from '../../src/commands/log.ts'
import type { UpdateStatus } from '../../src/core/update.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { makeIndex } from '../../src/update/bundle-index.ts'
import { runHere } from '../commands/surroundings.ts'
import { until } from '../route/until.ts'
import type { Box, BoxOptions } from '../update/box.ts'
import { box } from '../update/box.ts'
import type { BundlesServer } from '../update/bundles-server.ts'
import { bundlesServer } from '../update/bundles-server.ts'
import { makeDisk, mountDisk, syncDisk } from '../update/disk.ts'
import { vendor } from '../update/signing.ts'
import type { BlockRecord, Device } from './blocks.ts'
import { recordDisk } from './blocks.ts'

export const OLD = '1.0.0'
export const NEW = '2.0.0'
/** What is asked for where the new version was sick. */
export const NEXT = '3.0.0'
const STEP_MS_MAX = 180_000
const NOTE_EVERY_MS = 250
const READ_EVERY_MS = 100
const DAY_US = 86_400_000_000

export interface Plan {
  /** What the new version does wrong; empty: nothing. */
  readonly sick: string
  /** Handed over by a person, or fetched from a server, by its index. */
  readonly way: 'file' | 'url'
}

/** What was told to somebody, and has to be true after any cut that comes later. */
export interface Told {
  /** Readings that the log has said it has, by stream. */
  readonly log: Readonly<Record<string, number>>
  /** That the new version stays. */
  readonly isGood: boolean
}

export function toldBefore(records: readonly BlockRecord[], place: number): Told {
  const said = records.slice(0, place).flatMap((it) => (it.what === 'mark' ? it.text.trim().split('\n') : []))
  const log = said.findLast((it) => it.startsWith('log '))
  return { log: log === undefined ? {} : (JSON.parse(log.slice(4)) as Told['log']), isGood: said.includes('good') }
}

export interface Site {
  /** Asks for a version; resolves when the asker has heard enough of it. */
  ask(it: Box, version: string): Promise<unknown>
  box(dir: string, more?: Partial<BoxOptions>): Promise<Box>
  close(): Promise<void>
}

/** A plant, and a vendor whose bundles are in `dir`: those that are there already, where the round is one once more. */
export async function openSite(dir: string, { sick, way }: Plan): Promise<Site> {
  if (!existsSync(join(dir, 'ca.pem'))) await makeBundles(dir, sick)
  const server = await serveBundles(dir)
  const plan = loadPlan(2, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 4, mqttSensors: 0 })
  mkdirSync(join(dir, 'plant'), { recursive: true })
  const plant: Plant = await startPlant({ plan, dir: join(dir, 'plant'), modbus: { port: 0 }, failed: () => undefined })
  const port = Object.values(plant.endpoints.modbusPorts ?? {})[0] as number
  const tag = '{ tag: hall-1/press-3/t0, register: "holding:0", type: uint16, class: process }'
  const source = `{ name: press-3, protocol: modbus-tcp, host: 127.0.0.1, port: ${port}, unit: 1, every: ${READ_EVERY_MS}ms, tags: [${tag}] }`
  const settings = `version: 1\nclasses: [{ name: process }]\nsources: [${source}]\n`
  return {
    ask: (it, version) =>
      way === 'url'
        ? it.updater.install({ url: new URL(`/${version}.raucb`, server.url).href }, 'anna')
        : runHere(`update install ${join(dir, `${version}.raucb`)} --data ${it.data}`, {
            connectUpdater: async () => it.updater,
          }),
    box: (at, more) => box({ ca: join(dir, 'ca.pem'), trusts: join(dir, 'tls.pem'), dir: at, settings, ...more }),
    async close() {
      server.close()
      await plant.stop()
    },
  }
}

/** Where a box looks for it again: at an address that was written down. */
async function serveBundles(dir: string): Promise<BundlesServer> {
  const file = join(dir, 'port')
  const pem = (name: string) => readFileSync(join(dir, name), 'utf8')
  const tls = { key: pem('tls.key'), cert: pem('tls.pem') }
  const server = await bundlesServer({ port: existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0, tls })
  writeFileSync(file, new URL(server.url).port)
  for (const name of readdirSync(dir).filter((it) => it.includes('.raucb')))
    server.files.set(`/${name}`, readFileSync(join(dir, name)))
  return server
}

async function makeBundles(dir: string, sick: string): Promise<void> {
  const by = vendor()
  for (const bundle of [{ version: NEW, sick }, { version: NEXT }]) {
    const file = join(dir, `${bundle.version}.raucb`)
    copyFileSync(by.bundle(bundle), file)
    writeFileSync(`${file}.index`, await makeIndex(createReadStream(file)))
  }
  copyFileSync(by.ca, join(dir, 'ca.pem'))
  const names = ['-subj', '/CN=bundles', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '30', '-keyout', 'tls.key', '-out', 'tls.pem', ...names]
  execFileSync('openssl', ['req', '-x509', ...made], { cwd: dir, stdio: 'pipe' })
  by.close()
}

export const isOver = ({ job, version, last }: UpdateStatus): boolean =>
  job === null && (version === OLD || (last?.outcome === 'good' && last.version === version))

/** A whole update, nothing cut; or what was written down of one before. */
export async function recorded(dir: string, site: Site): Promise<Device> {
  const file = join(dir, 'recording')
  if (existsSync(file)) {
    const kept = deserialize(readFileSync(file)) as Device
    return { ...kept, image: zstdDecompressSync(kept.image) }
  }
  const device = await recordDisk(dir, makeDisk, async (disk, marks, undo) => {
    const at = join(dir, 'box')
    mkdirSync(at)
    mountDisk(disk, at, undo)
    const it = await site.box(at, { marks, down: () => syncDisk(at) })
    undo(() => rmSync(join(at, 'slot'), { force: true }))
    try {
      await updated(it, site, marks)
    } finally {
      await it.close()
    }
  })
  rmSync(join(dir, 'box'), { recursive: true })
  writeFileSync(file, serialize({ ...device, image: zstdCompressSync(device.image) }))
  return device
}

async function updated(it: Box, site: Site, marks: string): Promise<void> {
  await it.sees('the first boot is good', (now) => now.minimum?.version === OLD, STEP_MS_MAX)
  await until('the log has some', async () => Object.values(await heads(it)).some((n) => n > 20), STEP_MS_MAX)
  const noting = new AbortController()
  const noted = noteLog(it, marks, noting.signal)
  try {
    writeFileSync(marks, 'asked\n')
    const asked = site.ask(it, NEW)
    const over = it.sees('it is over', (now) => now.last !== null && isOver(now), STEP_MS_MAX)
    const [{ version }] = await Promise.all([over, asked])
    if (version === NEW) writeFileSync(marks, 'good\n')
    await until('the log goes on', async () => Object.keys(await heads(it)).length > 0, STEP_MS_MAX)
  } finally {
    noting.abort()
    await noted
  }
}

/** What the log says of itself stands among the writes from then on. */
async function noteLog(it: Box, marks: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const now = await heads(it)
    if (Object.keys(now).length > 0) writeFileSync(marks, `log ${JSON.stringify(now)}\n`)
    await sleep(NOTE_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Numbers that the log has given to readings, by stream; nothing while the agent does not answer. */
export async function heads({ data }: Box): Promise<Told['log']> {
  const found = await connectAgent(data)
    .logInspect()
    .catch(() => undefined)
  const mine = found?.streams.filter((it) => it.class === 'process') ?? []
  return Object.fromEntries(mine.map((it) => [`${it.epoch} ${it.form}`, it.next]))
}

/** All that the log has told is there, each number once, none is missing between them, and its files are whole. What does not hold, in words. */
export async function faultsOfLog(it: Box, { log: told }: Told): Promise<string[]> {
  const agent = connectAgent(it.data)
  // The updater may be up before it, and what the updater was at be over by then.
  await until('the agent answers', () => agent.status().catch(() => undefined), STEP_MS_MAX)
  const faults: string[] = []
  const next = await heads(it)
  for (const [stream, n] of Object.entries(told))
    if (!((next[stream] ?? 0) >= n)) faults.push(`the log had ${n} of ${stream}, and has ${JSON.stringify(next)}`)
  for await (const { file } of agent.logCheck(AbortSignal.timeout(STEP_MS_MAX)))
    faults.push(...file.damage.filter(isHarm).map(({ what }) => `the log is damaged: ${what}`))
  const numbers = await sequences(it)
  for (const [epoch, found] of numbers) {
    const missing = found.toSorted((a, b) => a - b).findIndex((n, at) => n !== at)
    if (missing >= 0) faults.push(`of ${epoch} number ${missing} is missing or there twice; ${found.length} are there`)
    const n = next[`${epoch} raw`] ?? 0
    if (found.length < n) faults.push(`of ${epoch} ${n} numbers were given, ${found.length} readings are there`)
  }
  if (numbers.size === 0) faults.push('the log has no readings')
  return faults
}

async function sequences({ data }: Box): Promise<Map<string, number[]>> {
  const numbers = new Map<string, number[]>()
  const all = { tag: '*', from: 0, to: Date.now() * 1000 + DAY_US, limit: 100_000, origin: true }
  for await (const { epoch = '', class: name, sequence } of connectAgent(data).query(all, AbortSignal.timeout(STEP_MS_MAX)))
    if (name === 'process') numbers.set(epoch, [...(numbers.get(epoch) ?? []), sequence])
  return numbers
}
