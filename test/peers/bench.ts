// `make bench`: the figures of P1 (durable ingest) and P3 (drain into Kafka) beside peers on the same work, as ratios within one run.
//
//   npm run --silent bench -- [P1] [P3] [--pairs 5] [--seconds 10] [--json]
import { mkdirSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DrillResult } from './drill.ts'
import { drill } from './drill.ts'
import type { Peer } from './peer.ts'
import { bare } from './peers/bare.ts'
import { holdfast } from './peers/holdfast.ts'
import { telegraf } from './peers/telegraf.ts'
import type { Shape } from './readings.ts'

interface Line {
  readonly id: 'P1' | 'P3'
  readonly what: string
  readonly unit: string
  readonly value: number
  readonly beside: string
  readonly ratio: number | null
}

const PORT = 28_600
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
  },
})
const pairs = Number(values.pairs)
const seconds = Number(values.seconds)
const wanted = positionals.length > 0 ? positionals : ['P1', 'P3']
const dir = join(import.meta.dirname, '../../run/bench')
mkdirSync(dir, { recursive: true })
const lines: Line[] = []
const note = (text: string): void => void process.stderr.write(`bench: ${text}\n`)

let drills = 0
async function once(peer: Peer, shape: Shape, more: { kill?: boolean; drain?: boolean } = {}): Promise<DrillResult> {
  const name = [peer.name, shape, more.kill && 'kill', more.drain && 'drain'].filter(Boolean).join(' ')
  const result = await drill({
    peer,
    shape,
    seconds,
    kill: more.kill ?? false,
    drain: more.drain ?? false,
    dir: join(dir, `${++drills}-${name.replaceAll(' ', '-')}`),
    port: PORT,
  })
  const { readingsPerSecond, bestPerSecond, cpuPerMillion, bufferBytesPerReading, drain } = result
  const drained = drain ? `, drained ${whole(drain.readingsPerSecond)}/s, lost ${drain.lost}, doubled ${drain.duplicates}` : ''
  note(
    `${name}: ${whole(readingsPerSecond)} readings/s (best 5 s ${whole(bestPerSecond)}), ${cpuPerMillion.toFixed(2)} CPU s a million, ${bufferBytesPerReading.toFixed(1)} bytes a reading${drained}`,
  )
  return result
}

const whole = (n: number) => Math.round(n).toLocaleString('en')

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function say(line: Line): void {
  lines.push(line)
}

/** Readings acknowledged after the fsync, Kafka away. */
async function ingest(shape: Shape): Promise<void> {
  const ours: DrillResult[] = []
  const theirs: DrillResult[] = []
  for (let n = 0; n < pairs; n++) {
    ours.push(await once(holdfast, shape))
    theirs.push(await once(bare, shape))
  }
  const rate = median(ours.map((it) => it.readingsPerSecond))
  const what = `durable ingest ${shape}`
  const ratio = median(ours.map((it, n) => it.readingsPerSecond / (theirs[n] as DrillResult).readingsPerSecond))
  const cpu = median(ours.map((it) => it.cpuPerMillion))
  say({ id: 'P1', what, unit: 'readings/s', value: rate, beside: `the bare mqtt.js subscriber, median of ${pairs} pairs`, ratio })
  say({
    id: 'P1',
    what: `${what}, CPU`,
    unit: 's per million',
    value: cpu,
    beside: 'the bare mqtt.js subscriber',
    ratio: cpu / median(theirs.map((it) => it.cpuPerMillion)),
  })
  say({
    id: 'P1',
    what: `${what}, on disk`,
    unit: 'bytes a reading',
    value: median(ours.map((it) => it.bufferBytesPerReading)),
    beside: '',
    ratio: null,
  })
  const absent = telegraf.missing()
  if (absent !== undefined) {
    note(`telegraf is left out: ${absent}`)
    return
  }
  const peer = await once(telegraf, shape)
  say({
    id: 'P1',
    what,
    unit: 'readings/s',
    value: rate,
    beside: 'Telegraf 1.39 disk buffer',
    ratio: rate / peer.readingsPerSecond,
  })
}

/** The backlog into Kafka, once it is there; the agent killed half-way through the ingest. */
async function drained(): Promise<void> {
  const killed = await once(holdfast, 'S1', { kill: true, drain: true })
  say({
    id: 'P3',
    what: 'kill -9 half-way, S1: lost',
    unit: 'readings',
    value: killed.drain?.lost ?? Number.NaN,
    beside: '',
    ratio: null,
  })
  const ours = await once(holdfast, 'S2', { drain: true })
  const rate = ours.drain?.readingsPerSecond ?? 0
  say({ id: 'P3', what: 'drain S2: lost', unit: 'readings', value: ours.drain?.lost ?? Number.NaN, beside: '', ratio: null })
  say({
    id: 'P3',
    what: 'drain S2: doubled',
    unit: 'readings',
    value: ours.drain?.duplicates ?? Number.NaN,
    beside: '',
    ratio: null,
  })
  say({
    id: 'P3',
    what: 'drain S2, CPU',
    unit: 's per million',
    value: ours.drain?.cpuPerMillion ?? Number.NaN,
    beside: '',
    ratio: null,
  })
  const absent = telegraf.missing()
  if (absent !== undefined) {
    note(`telegraf is left out: ${absent}`)
    say({ id: 'P3', what: 'drain S2', unit: 'readings/s', value: rate, beside: '', ratio: null })
    return
  }
  const peer = await once(telegraf, 'S2', { drain: true })
  say({
    id: 'P3',
    what: 'drain S2',
    unit: 'readings/s',
    value: rate,
    beside: 'Telegraf 1.39',
    ratio: rate / (peer.drain?.readingsPerSecond ?? Number.NaN),
  })
}

note(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Linux ${release()}, Node ${process.version}`)
if (wanted.includes('P1')) for (const shape of ['S1', 'S2'] as const) await ingest(shape)
if (wanted.includes('P3')) await drained()
if (values.json) process.stdout.write(`${JSON.stringify(lines, null, 1)}\n`)
else
  for (const { id, what, unit, value, beside, ratio } of lines) {
    const against = ratio === null ? '' : `   ${ratio.toFixed(2)} × ${beside}`
    process.stdout.write(
      `${id}  ${what.padEnd(28)} ${(value < 100 ? value.toFixed(2) : whole(value)).padStart(12)} ${unit}${against}\n`,
    )
  }
process.exit(0)
