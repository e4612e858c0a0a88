// `make soak`: 1,000 OPC UA items at 10 Hz, 100 Modbus devices of 100 registers at 1 Hz and 5,000 MQTT messages a second, for five
// minutes (FOR=300). Loss by the plant's own book; memory as PSS of all agent processes, its slope over the last three minutes.
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, sumOf } from './drain.ts'
import { readOptions } from './options.ts'
import { cpuSecondsOf, familyOf, pssOf, slopeOf } from './processes.ts'
import { plantVerified, sumsHold, verified } from './proofs.ts'
import { say } from './say.ts'
import type { Scene } from './scene.ts'
import { openScene } from './scene.ts'
import { count, oneLine } from './screen.ts'
import { runProgram, stopSignal } from './stop.ts'

const PROGRAM = 'soak'
const SECONDS = 300
const SLOPE_SECONDS = 180
const SLOPE_BYTES_PER_MINUTE_MAX = 1_000_000
const DRAIN_SECONDS_MAX = 120
const LINE_SECONDS = 10
const MB = 1e6

const options = readOptions(process.argv.slice(2))
const stop = stopSignal()

interface Sample {
  readonly second: number
  /** PSS, bytes. */
  readonly value: number
  readonly cpuSeconds: number
}

/** One a second. A run in which the agent is started anew is no measurement. */
async function sample(scene: Scene, seconds: number): Promise<Sample[]> {
  const pid = scene.agent.pid()
  if (pid === undefined) throw new Error('the agent does not run')
  const samples: Sample[] = []
  const begun = performance.now()
  for (let at = 1; at <= seconds; at++) {
    await sleep(Math.max(0, begun + at * 1000 - performance.now()), undefined, { signal: stop.signal })
    if (scene.agent.pid() !== pid) throw new Error(`the agent ended after ${at} s, see ${scene.agent.logFile}`)
    const family = familyOf(pid)
    const value = pssOf(family)
    if (value !== undefined) samples.push({ second: (performance.now() - begun) / 1000, value, cpuSeconds: cpuSecondsOf(family) })
    if (at % LINE_SECONDS === 0) await report(scene, at, samples.at(-1))
  }
  return samples
}

async function report(scene: Scene, second: number, last: Sample | undefined): Promise<void> {
  const status = await scene.agent.status()
  // A hundred sources do not fit into a line: their sum.
  const perSecond = status?.sources.reduce((sum, it) => sum + it.readingsPerSecond, 0) ?? 0
  const down = status?.sources.filter((it) => it.state !== 'up').length ?? 0
  const total = {
    name: `${status?.sources.length ?? 0} sources (${down} not up)`,
    protocol: '',
    state: 'up',
    readings: 0,
    lastReading: null,
  } as const
  const view = {
    seconds: second,
    agent: 'running',
    kafka: 'running',
    isCableCut: false,
    events: [],
    now: Date.now() * 1000,
  } as const
  const sum = status && { ...status, sources: [{ ...total, readingsPerSecond: perSecond }] }
  console.log(`${oneLine({ ...view, status: sum })} · PSS ${((last?.value ?? 0) / MB).toFixed(1)} MB`)
}

function verdict(isGood: boolean, text: string): boolean {
  say(PROGRAM, `${isGood ? 'PASS' : 'FAIL'} ${text}`)
  return isGood
}

function memoryVerdict(samples: readonly Sample[], seconds: number): boolean {
  const from = Math.max(0, seconds - SLOPE_SECONDS)
  const tail = samples.filter((it) => it.second >= from)
  const perMinute = slopeOf(tail) * 60
  const values = samples.map((it) => it.value / MB)
  say(
    PROGRAM,
    `PSS ${values[0]?.toFixed(1)} MB at the start, ${Math.max(...values).toFixed(1)} at most, ${values.at(-1)?.toFixed(1)} at the end`,
  )
  const text = `memory grows by ${(perMinute / MB).toFixed(2)} MB a minute over the last ${Math.round(seconds - from)} s (allowed: less than 1)`
  return verdict(perMinute < SLOPE_BYTES_PER_MINUTE_MAX, text)
}

await runProgram(stop, PROGRAM, async () => {
  const seconds = options.seconds ?? SECONDS
  const scene = await openScene(PROGRAM, 'soak', 'load', { ...options, fresh: true }, (text) => say(PROGRAM, text), stop.signal)
  try {
    say(PROGRAM, `measuring for ${seconds} s`)
    const before = await scene.agent.status()
    const samples = await sample(scene, seconds)
    const after = await scene.agent.status()
    const accepted = sumOf(after?.classes ?? [], 'accepted') - sumOf(before?.classes ?? [], 'accepted')
    const cpu = (samples.at(-1)?.cpuSeconds ?? 0) - (samples[0]?.cpuSeconds ?? 0)
    await scene.endPlant()
    const { status, isDrained } = await drain(scene, DRAIN_SECONDS_MAX, stop.signal, (text) => say(PROGRAM, text))
    say(PROGRAM, `${count(accepted)} readings in ${seconds} s, ${count(accepted / seconds)} a second`)
    say(PROGRAM, `${cpu.toFixed(1)} CPU seconds, ${((cpu * 1e6) / Math.max(1, accepted)).toFixed(1)} a million readings`)
    const verdicts = [
      memoryVerdict(samples, seconds),
      verdict(isDrained, `all is delivered within ${DRAIN_SECONDS_MAX} s of the plant's end`),
      verdict(status !== undefined && sumsHold(PROGRAM, status), 'accepted = delivered + stored + aggregated + lost'),
      await verified(PROGRAM, scene, stop.signal),
      await plantVerified(PROGRAM, scene, { isLossBeforeLogAllowed: false }, stop.signal),
    ]
    return verdicts.every(Boolean)
  } finally {
    await scene.close()
  }
})
