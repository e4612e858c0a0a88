// `make demo-outage`: Kafka goes away, the agent is killed again and again, Kafka is killed too; then everything is proven.
//
//   warm-up ─► outage (Kafka down, agent killed 4 times) ─► recovery (agent killed 6 times, Kafka killed 3 times) ─► drain ─► proofs
//
// FOR=60 is the outage's length; shorter ones kill less often. The moments are drawn from a seed that is printed.
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, sumOf } from './drain.ts'
import { readOptions } from './options.ts'
import { plantVerified, sumsHold, verified } from './proofs.ts'
import { say } from './say.ts'
import type { Scene } from './scene.ts'
import { openScene } from './scene.ts'
import { count } from './screen.ts'
import { runProgram, stopSignal } from './stop.ts'

const PROGRAM = 'outage'
const OUTAGE_SECONDS = 60
const WARM_SECONDS_MAX = 60
const DRAIN_SECONDS_MAX = 180
/** Between two kills after the outage: the agent is down for two of them, and must get to work before the next. */
const KILL_EVERY_SECONDS = 6
const KAFKA_AWAY_MS = 2000

const options = readOptions(process.argv.slice(2))
const stop = stopSignal()
const seconds = options.seconds ?? OUTAGE_SECONDS
const seed = Date.now() % 1_000_000

type Blow = 'agent' | 'kafka'

interface Plan {
  readonly during: readonly Blow[]
  readonly after: readonly Blow[]
}

/** Ten kills of the agent and three of Kafka at full length; at least two and one. */
function planFor(outageSeconds: number): Plan {
  const share = Math.min(1, outageSeconds / OUTAGE_SECONDS)
  const blows = (most: number): number => Math.max(1, Math.round(most * share))
  const during = Array.from({ length: blows(4) }, (): Blow => 'agent')
  const agents = Array.from({ length: blows(6) }, (): Blow => 'agent')
  const brokers = Array.from({ length: blows(3) }, (): Blow => 'kafka')
  const after = agents.flatMap((it, at): Blow[] => [it, ...(at % 2 === 1 ? brokers.splice(0, 1) : [])])
  return { during, after: [...after, ...brokers] }
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function diceFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

async function pause(milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { signal: stop.signal })
}

async function warmUp(scene: Scene): Promise<boolean> {
  for (let second = 0; second < WARM_SECONDS_MAX; second++) {
    const status = await scene.agent.status()
    const isFlowing = status?.sources.every((it) => it.readings > 0) && sumOf(status.classes, 'delivered') > 0
    if (isFlowing) return true
    await pause(1000)
  }
  say(PROGRAM, `FAIL: no readings from every source through to Kafka within ${WARM_SECONDS_MAX} s`)
  return false
}

async function strike(scene: Scene, blow: Blow, left: string): Promise<void> {
  if (blow === 'agent') {
    say(PROGRAM, `kill -9 the agent (process ${scene.agent.pid() ?? 'down'}) · ${left}`)
    await scene.agent.kill()
    return
  }
  say(PROGRAM, `kill -9 Kafka · ${left}`)
  await scene.kafka.kill()
  await pause(KAFKA_AWAY_MS)
  await scene.kafka.start()
}

async function outage(scene: Scene, blows: readonly Blow[], dice: () => number): Promise<void> {
  await scene.kafka.down()
  const begun = performance.now()
  say(PROGRAM, `Kafka is down for ${seconds} s`)
  const slice = (seconds * 1000) / blows.length
  for (const [at, blow] of blows.entries()) {
    const moment = (at + 0.2 + 0.6 * dice()) * slice
    await pause(Math.max(0, begun + moment - performance.now()))
    await strike(scene, blow, `${Math.round(seconds - moment / 1000)} s of the outage left`)
  }
  await pause(Math.max(0, begun + seconds * 1000 - performance.now()))
  const status = await scene.agent.status()
  if (status) say(PROGRAM, `${count(sumOf(status.classes, 'stored'))} readings wait in the log`)
  await scene.kafka.start()
  say(PROGRAM, 'Kafka is up again')
}

async function recovery(scene: Scene, blows: readonly Blow[], dice: () => number): Promise<void> {
  for (const [at, blow] of blows.entries()) {
    await pause(KILL_EVERY_SECONDS * 1000 * (0.6 + 0.8 * dice()))
    await strike(scene, blow, `${blows.length - at - 1} more to come`)
  }
}

async function prove(scene: Scene): Promise<boolean> {
  await scene.endPlant()
  say(PROGRAM, 'the plant has ended; waiting until all is delivered')
  const { status, isDrained } = await drain(scene, DRAIN_SECONDS_MAX, stop.signal, (text) => say(PROGRAM, text))
  say(PROGRAM, isDrained ? 'all is delivered' : `FAIL: not everything is delivered after ${DRAIN_SECONDS_MAX} s`)
  const hold = status !== undefined && sumsHold(PROGRAM, status)
  const isProven = await verified(PROGRAM, scene, stop.signal)
  const isServed = await plantVerified(PROGRAM, scene, { isLossBeforeLogAllowed: true }, stop.signal)
  return isDrained && hold && isProven && isServed
}

await runProgram(stop, PROGRAM, async () => {
  const dice = diceFrom(seed)
  const plan = planFor(seconds)
  const scene = await openScene(PROGRAM, 'outage', 'demo', { ...options, fresh: true }, (text) => say(PROGRAM, text), stop.signal)
  try {
    say(PROGRAM, `seed ${seed}; about ${Math.round(seconds + plan.after.length * KILL_EVERY_SECONDS + 30)} s to go`)
    if (!(await warmUp(scene))) return false
    say(PROGRAM, 'readings of all sources reach Kafka')
    await outage(scene, plan.during, dice)
    await recovery(scene, plan.after, dice)
    const isGreen = await prove(scene)
    say(PROGRAM, isGreen ? 'PASS: nothing lost, nothing doubled' : 'FAIL')
    return isGreen
  } finally {
    await scene.close()
  }
})
