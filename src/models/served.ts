// One model as it is served: its file is proven, a process runs it, and what hangs, grows or falls over is ended and started again, ever later.
//
//   start ─proven, loaded─► ready ─ask─► busy ─answer─► ready
//     ▲                       └─ died ──┴─ too long, too large: killed ─► waits ─┐
//     └──────────────────────────────────────────────────────────────────────────┘
//
// Whatever state it is in, an ask is answered: with a score, or with why there is none.
import type { Scored } from '../core/model.ts'
import type { Model } from './model.ts'
import { Refused } from './refused.ts'
import type { Ask } from './wire.ts'

/** The process of one model. */
export interface ModelProcess {
  /** Both reject with Refused; where it ends meanwhile, they need not settle. */
  load(model: Model): Promise<void>
  /** One row at a time. */
  run(row: readonly number[]): Promise<Readonly<Record<string, number>>>
  /** Bytes of memory that are its own now. */
  memory(): number
  /** At once, whatever it is doing. What is said first stays. */
  kill(why?: Refused): void
  killedBy(): Refused | undefined
  readonly ended: Promise<void>
}

export interface ServedParts {
  readonly name: string
  readonly memoryBytesMax: number
  /** The file as it is now, proven. Throws Refused. */
  read(): Model
  /** Throws Refused where there is nothing to run it with. */
  start(): ModelProcess
  said(text: string): void
}

export interface Served {
  /** Resolves when it is loaded, or it is known why not. */
  readonly begun: Promise<void>
  ask(request: Ask): Promise<Scored>
  state(): Model['of'] | { readonly name: string; readonly code: string; readonly text: string }
  end(): void
}

/** From a slow card, on a busy box. */
const LOAD_MS_MAX = 60_000
const LOOK_EVERY_MS = 50
const AGAIN_MS_MIN = 1_000
const AGAIN_MS_MAX = 60_000
/** What ran for so long is started again as soon as at first. */
const STEADY_MS = 600_000

interface Running {
  readonly process: Ending
  readonly of: Model
}

export function serveModel({ name, memoryBytesMax, read, start, said }: ServedParts): Served {
  let running: Running | undefined
  /** It is there before it is loaded. */
  let process: ModelProcess | undefined
  let trouble = { code: 'model-starting', text: `the model ${name} is being loaded` }
  let again: NodeJS.Timeout | undefined
  let waitMs = AGAIN_MS_MIN
  let isEnded = false

  async function begin(): Promise<void> {
    try {
      const model = read()
      const it = start()
      process = it
      const ending = endingOf(it)
      await within(ending, memoryBytesMax, LOAD_MS_MAX, it.load(model))
      running = { process: ending, of: model }
      const loadedAt = performance.now()
      void it.ended.then(() => died(it, performance.now() - loadedAt))
      said(`the model ${name} ${model.of.version} is loaded`)
    } catch (error) {
      // No room to unpack the add-on, no process to be had: it may be there later.
      fail(error instanceof Refused ? error : new Refused('model-unusable', (error as Error).message))
    }
  }

  function died(it: ModelProcess, ranMs: number): void {
    if (ranMs > STEADY_MS) waitMs = AGAIN_MS_MIN
    fail(it.killedBy() ?? new Refused('model-died', DIED))
  }

  function fail({ code, message }: Refused): void {
    running = undefined
    process?.kill()
    trouble = { code, text: message }
    if (isEnded) return
    said(`the model ${name} does not run (${code}): ${message}; it is tried again in ${waitMs} ms`)
    again = setTimeout(() => void begin(), waitMs)
    waitMs = Math.min(AGAIN_MS_MAX, waitMs * 2)
  }

  return {
    begun: begin(),
    async ask({ timeoutMs, inputs }) {
      if (!running) return trouble
      const { process: ending, of: model } = running
      try {
        const row = rowOf(model, inputs)
        return { of: model.of, outputs: await within(ending, memoryBytesMax, timeoutMs, ending.process.run(row)) }
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        return { code: error.code, text: error.message }
      }
    },
    state: () => running?.of.of ?? { name, ...trouble },
    end() {
      isEnded = true
      clearTimeout(again)
      process?.kill()
    },
  }
}

const DIED = 'its process ended'

interface Ending {
  readonly process: ModelProcess
  /** What is told when it ends. Of a promise each would stay as long as the process runs. */
  readonly told: Set<() => void>
  hasEnded: boolean
}

function endingOf(process: ModelProcess): Ending {
  const it: Ending = { process, told: new Set(), hasEnded: false }
  void process.ended.then(() => {
    it.hasEnded = true
    for (const tell of it.told) tell()
  })
  return it
}

/** Kills the process where it takes too long or too much. */
async function within<T>(ending: Ending, bytesMax: number, ms: number, work: Promise<T>): Promise<T> {
  const { process, told } = ending
  const late = setTimeout(() => process.kill(new Refused('model-timeout', `it took longer than ${ms} ms, and was cut off`)), ms)
  const look = setInterval(() => {
    if (process.memory() > bytesMax)
      process.kill(new Refused('model-memory', `it took more than ${Math.round(bytesMax / 1e6)} MB of memory, and was cut off`))
  }, LOOK_EVERY_MS)
  const { promise: gone, reject } = Promise.withResolvers<never>()
  const end = () => reject(process.killedBy() ?? new Refused('model-died', DIED))
  told.add(end)
  if (ending.hasEnded) end()
  try {
    return await Promise.race([work, gone])
  } finally {
    told.delete(end)
    clearTimeout(late)
    clearInterval(look)
  }
}

function rowOf({ manifest }: Model, inputs: Ask['inputs']): number[] {
  const { of: wanted } = manifest.input
  const given = Object.keys(inputs)
  if (given.length !== wanted.length || !wanted.every((it) => given.includes(it)))
    throw new Refused('model-inputs', `it takes ${wanted.join(', ')}, and is given ${given.join(', ')}`)
  return wanted.map((it) => inputs[it] ?? Number.NaN)
}
