// `make run`: a simulated plant, a real Kafka and the agent between them, with a live screen and keys that break things.
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, sumOf } from './drain.ts'
import { readOptions } from './options.ts'
import { sumsHold, verified } from './proofs.ts'
import { say } from './say.ts'
import type { Scene } from './scene.ts'
import { openScene } from './scene.ts'
import type { View } from './screen.ts'
import { count, oneLine } from './screen.ts'
import { runProgram, stopSignal } from './stop.ts'
import type { Terminal } from './terminal.ts'
import { openTerminal } from './terminal.ts'

const PROGRAM = 'run'
const FRAME_MS = 500
const LINE_MS = 5000
const DRAIN_SECONDS_MAX = 60
const KAFKA_AWAY_MS = 2000
const EVENTS_MAX = 50

/** What the screen shows beside the agent's own status. */
interface Stage {
  kafka: View['kafka']
  isAgentKilled: boolean
  readonly events: string[]
}

const options = readOptions(process.argv.slice(2))
const stop = stopSignal()
const begun = performance.now()
const stage: Stage = { kafka: 'running', isAgentKilled: false, events: [] }

function elapsed(): number {
  return (performance.now() - begun) / 1000
}

function tell(text: string): void {
  stage.events.push(`${new Date().toTimeString().slice(0, 8)} ${text}`)
  stage.events.splice(0, stage.events.length - EVENTS_MAX)
  if (!process.stdout.isTTY) say(PROGRAM, text)
}

async function viewOf(scene: Scene): Promise<View> {
  const status = await scene.agent.status()
  if (status) stage.isAgentKilled = false
  return {
    seconds: elapsed(),
    status,
    agent: status ? 'running' : stage.isAgentKilled ? 'killed' : 'starting',
    kafka: stage.kafka,
    isCableCut: scene.cable.isCut,
    page: scene.page && { url: scene.page.url, claimCode: scene.page.claimCode() },
    events: stage.events,
    now: Date.now() * 1000,
  }
}

function keysOf(scene: Scene): Record<string, () => Promise<void>> {
  return {
    u: async () => {
      if (scene.cable.isCut) scene.cable.restore()
      else scene.cable.cut()
      tell(scene.cable.isCut ? 'the uplink cable is cut' : 'the uplink cable is plugged in again')
    },
    k: () => killKafka(scene),
    a: async () => {
      stage.isAgentKilled = true
      tell('the agent is killed with -9, and starts again in 2 s')
      await scene.agent.kill()
    },
    v: async () => {
      tell('verify reads the topics …')
      const { code, out, err } = await scene.verify(stop.signal)
      for (const line of (code === 0 ? out : `${out}${err}`).trimEnd().split('\n').slice(-3)) tell(line)
      tell(`verify ${code === 0 ? 'PASS' : `FAIL (exit ${code})`}`)
    },
    q: async () => stop.abort(),
    '\u0003': async () => stop.abort(),
  }
}

async function killKafka(scene: Scene): Promise<void> {
  if (stage.kafka !== 'running') return
  stage.kafka = 'killed'
  tell('Kafka is killed with -9, and starts again in 2 s')
  await scene.kafka.kill()
  await sleep(KAFKA_AWAY_MS)
  stage.kafka = 'starting'
  await scene.kafka.start()
  stage.kafka = 'running'
  tell('Kafka answers again')
}

/** Until the time is over or somebody stops it. */
async function watch(scene: Scene, terminal: Terminal | undefined): Promise<void> {
  const end = options.seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.seconds * 1000
  while (!stop.signal.aborted && performance.now() < end) {
    const view = await viewOf(scene)
    if (terminal) terminal.draw(view)
    else console.log(oneLine(view))
    const pause = Math.min(terminal ? FRAME_MS : LINE_MS, Math.max(0, end - performance.now()))
    await sleep(pause, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

/** With FOR: the plant ends, all is delivered, the tool proves it. */
async function conclude(scene: Scene): Promise<boolean> {
  scene.cable.restore()
  await scene.endPlant()
  say(PROGRAM, 'the plant has ended; waiting until all is delivered')
  const { status, isDrained } = await drain(scene, DRAIN_SECONDS_MAX, stop.signal, (text) => say(PROGRAM, text))
  if (!status) {
    say(PROGRAM, 'FAIL: the agent does not answer')
    return false
  }
  for (const it of status.sources) say(PROGRAM, `${it.name} (${it.protocol}): ${count(it.readings)} readings in`)
  const silent = status.sources.filter((it) => it.readings === 0)
  if (silent.length > 0) say(PROGRAM, `FAIL: nothing came from ${silent.map((it) => it.name).join(', ')}`)
  if (!isDrained) say(PROGRAM, `FAIL: not everything is delivered after ${DRAIN_SECONDS_MAX} s`)
  const hold = sumsHold(PROGRAM, status)
  const isDelivered = sumOf(status.classes, 'delivered') > 0
  const isProven = await verified(PROGRAM, scene, stop.signal)
  return isDrained && hold && isDelivered && isProven && silent.length === 0
}

await runProgram(stop, PROGRAM, async () => {
  const scene = await openScene(PROGRAM, 'demo', 'demo', options, tell, stop.signal)
  let terminal: Terminal | undefined
  const code = scene.page?.claimCode()
  if (scene.page)
    say(
      PROGRAM,
      `open ${scene.page.url}${code === undefined ? '' : `, claim code ${code}`}; its certificate: SHA-256 ${scene.page.fingerprint}`,
    )
  try {
    const keys = keysOf(scene)
    const press = (key: string) => void keys[key]?.().catch((error: unknown) => tell(String(error)))
    terminal = process.stdin.isTTY && process.stdout.isTTY ? openTerminal(press) : undefined
    await watch(scene, terminal)
    terminal?.close()
    terminal = undefined
    return options.seconds === undefined || stop.signal.aborted ? true : await conclude(scene)
  } finally {
    terminal?.close()
    await scene.close()
    say(PROGRAM, 'agent, plant, MQTT broker and Kafka have ended; their data stays in run/demo (FRESH=1 forgets it)')
  }
})
