// Load on Modbus: 32 units on each of two lines of 19,200 baud, 10 of them dead, as one source and as 32, polled as fast as the line goes;
// beside them a line with the 22 alone that live. And 10,000 registers a second of 50 devices over TCP. A case is 20 s of it: from the beginning
// on, those that live keep 95 % of the rate that they have without the dead ones, and 99 % of what the settings say over TCP; all values are
// right. The sources stay open from one case to the next. What it costs is printed.
import { mkdir } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { createLines } from '../../../src/sources/modbus/lines.ts'
import { createModbusRtu, createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusRtuSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Reading, Seen } from '../../sources/modbus/help.ts'
import { contextOf, start, startDevice, startPair, until } from '../../sources/modbus/help.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { rightAnswer } from './modbus-frames.ts'

const WINDOW_MS = 20_000
const WINDOWS = 15
const BAUD = 19_200
const CHAR_MS = (11 * 1_000) / BAUD
const TURNAROUND_MS = 5
const UNITS = 32
const DEAD = new Set([3, 6, 9, 12, 15, 18, 21, 24, 27, 30])
const LINE_SHARE_LEAST = 0.95
const HOSTS = 50
const REGISTERS = 200
const TCP_SHARE_LEAST = 0.99
/** What is under way when a window ends. */
const EDGE_S = 1
const TCP_PORT = 23_150
const READY_MS_MAX = 120_000

const tags = [{ tag: 'u{unit}/r{n}', register: 'holding:100', type: 'uint16', count: 10, class: 'c' }]

/** Units at the end of a line that takes its time: a request and its answer are on the wire as long as on a real one. */
async function openBus(path: string) {
  const port = new SerialPort({ path, baudRate: BAUD, autoOpen: false })
  port.open()
  await once(port, 'open')
  const seen = { collisions: 0 }
  let busyUntil = 0
  let held: Buffer = Buffer.alloc(0)
  port.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    for (; held.length >= 8; held = held.subarray(8)) {
      const [unit = 0, code = 0] = held
      if (performance.now() < busyUntil) seen.collisions++
      if (DEAD.has(unit)) continue
      const asked = { transaction: 0, unit, code, from: held.readUInt16BE(2), count: held.readUInt16BE(4) }
      const frame = rightAnswer('rtu', asked)
      const takesMs = (8 + frame.length) * CHAR_MS + TURNAROUND_MS
      busyUntil = performance.now() + takesMs
      setTimeout(() => port.isOpen && port.write(frame), takesMs)
    }
  })
  return { seen, close: () => new Promise<void>((resolve) => port.close(() => resolve())) }
}

interface Loaded {
  readonly name: string
  readonly readings: readonly Reading[]
  isRight(seen: Seen): boolean
  isReady(): boolean
  problem(): string | undefined
  stop(): Promise<void>
}

const numberIn = (tag: string, letter: string) => Number(new RegExp(`${letter}(\\d+)`).exec(tag)?.[1])

type Face = 'one source' | '32 sources' | 'one source of the living'

async function openLine(dir: string, face: Face): Promise<Loaded> {
  const name = face.replaceAll(' ', '-')
  const [near, far] = [join(dir, `${name}-box`), join(dir, `${name}-far`)]
  const pair = await startPair(near, far)
  const bus = await openBus(far)
  const rtu = createModbusRtu(createLines())
  const open = (more: object, source: string) =>
    start(
      rtu.open(
        modbusRtuSettings.parse({ path: near, baud: BAUD, every: '500ms', timeout: '1s', tags, ...more }),
        contextOf(`${name}-${source}`),
      ),
    )
  const numbers = Array.from({ length: UNITS }, (_, n) => n + 1)
  const living = numbers.filter((it) => !DEAD.has(it))
  const units = face === 'one source' ? `1-${UNITS}` : living.join(',')
  const readings = face === '32 sources' ? numbers.map((unit) => open({ unit }, String(unit))) : [open({ units }, 'all')]
  return {
    name: `a line as ${face}`,
    readings,
    isRight: (it) => it.value === BigInt(100 + numberIn(it.tag, '/r')),
    isReady() {
      const all = readings.map((it) => it.source.status())
      if (face === '32 sources') return numbers.every((unit, n) => all[n]?.state === (DEAD.has(unit) ? 'down' : 'up'))
      return all[0]?.details?.unitsUp === living.length && (face !== 'one source' || all[0].code === 'units-down')
    },
    problem: () => (bus.seen.collisions > 0 ? `${bus.seen.collisions} requests while an answer was on the line` : undefined),
    async stop() {
      await Promise.all(readings.map((it) => it.stop()))
      await bus.close()
      await pair.stop()
    },
  }
}

async function openHosts(): Promise<Loaded> {
  const held = Array.from({ length: REGISTERS }, (_, n) => n)
  const device = await startDevice({ tcp: TCP_PORT, host: '0.0.0.0' }, { 1: { holding: [[0, held]] } })
  const tcp = createModbusTcp(createLines())
  const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: REGISTERS, class: 'c' }]
  const readings = Array.from({ length: HOSTS }, (_, n) =>
    start(
      tcp.open(
        modbusTcpSettings.parse({ host: `127.0.1.${n + 1}`, port: TCP_PORT, every: '1s', timeout: '5s', tags }),
        contextOf(`host-${n}`),
      ),
    ),
  )
  return {
    name: `${HOSTS} devices over TCP with ${REGISTERS} registers each a second`,
    readings,
    isRight: (it) => it.value === BigInt(numberIn(it.tag, 'r')),
    isReady: () => readings.every((it) => it.source.status().state === 'up'),
    problem: () => undefined,
    async stop() {
      await Promise.all(readings.map((it) => it.stop()))
      await device.stop()
    },
  }
}

const notesOf = ({ readings }: Loaded, word: string) =>
  readings.reduce((sum, it) => sum + (it.source.status().notes?.[word] ?? 0), 0)

/** Good readings since the last time; throws where one is wrong. */
function taken(it: Loaded): number {
  const all = it.readings.flatMap((reading) => reading.polls.splice(0).flat())
  const good = all.filter((seen) => seen.quality === 'good')
  const wrong = good.find((seen) => !it.isRight(seen))
  if (wrong) throw new Error(`${it.name}: ${wrong.tag} is ${wrong.value}`)
  const problem = notesOf(it, 'poll-skipped') > 0 ? 'polls were skipped' : it.problem()
  if (problem !== undefined) throw new Error(`${it.name}: ${problem}`)
  return good.length
}

interface Loads {
  readonly living: Loaded
  readonly lines: readonly Loaded[]
  readonly hosts: Loaded
}

/** Sums from the first window on. */
function createMeter({ living, lines, hosts }: Loads) {
  const all = [living, ...lines, hosts]
  for (const it of all) taken(it)
  const sums = all.map(() => 0)
  const begun = performance.now()
  return {
    window() {
      all.forEach((it, n) => void (sums[n] = (sums[n] as number) + taken(it)))
      const [alone = 0, ...others] = sums
      const seconds = (performance.now() - begun) / 1_000
      const shares = [
        ...lines.map((it, n) => ({ it, sum: others[n] as number, of: alone, least: LINE_SHARE_LEAST })),
        { it: hosts, sum: sums.at(-1) as number, of: HOSTS * REGISTERS * (seconds - EDGE_S), least: TCP_SHARE_LEAST },
      ]
      console.log(`  ${seconds.toFixed(0)} s; ${living.name}: ${(alone / seconds).toFixed(0)} registers/s`)
      for (const { it, sum, of, least } of shares) {
        const text = `${it.name}: ${(sum / seconds).toFixed(0)} registers/s, ${((100 * sum) / of).toFixed(1)} %`
        console.log(`  ${text}, ${notesOf(it, 'poll-late')} polls late`)
        if (sum < least * of) throw new Error(text)
      }
    },
  }
}

async function oneWindow(window: () => void): Promise<void> {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await until('a window', () => performance.now() - begun >= WINDOW_MS, WINDOW_MS * 2)
  const { user, system } = process.cpuUsage(cpu)
  const share = (user + system) / 1_000 / (performance.now() - begun)
  window()
  console.log(
    `  ${(share * 100).toFixed(0)} % of a core with the simulated lines, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  )
}

async function run({ dir, case: one, isOver }: Round): Promise<void> {
  await mkdir(dir, { recursive: true })
  const begun = performance.now()
  const [hosts, living, ...lines] = await Promise.all([
    openHosts(),
    openLine(dir, 'one source of the living'),
    openLine(dir, 'one source'),
    openLine(dir, '32 sources'),
  ])
  const all = [hosts, living, ...lines]
  try {
    await until('all are as they should be', () => all.every((it) => it.isReady()), READY_MS_MAX)
    console.log(`  ready after ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
    const meter = createMeter({ living, lines, hosts })
    for (let n = 0; n < WINDOWS && (n === 0 || !isOver()); n++) await one(`window ${n}`, () => oneWindow(meter.window))
  } finally {
    await Promise.all(all.map((it) => it.stop()))
  }
}

export const loadModbus: Campaign = {
  id: 'sources-load-modbus',
  what: '32 units on a line of 19,200 baud with 10 dead, 10,000 registers a second over TCP: 20 s a case',
  short: 1,
  long: WINDOWS,
  run,
}
