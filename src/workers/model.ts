// The process of one model: loads it, and scores one row after another. It has no environment, no file of its own and, on the box, no network; it is
// killed whenever it takes too long or too much (models/served.ts).
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { FromModel, ToModel } from './model-host.ts'

/** What is used of the add-on. */
interface Onnx {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> }
  readonly Tensor: new (kind: 'float32', data: Float32Array, shape: readonly number[]) => object
}
interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Readonly<Record<string, object>>, fetches: readonly string[]): Promise<Readonly<Record<string, Result>>>
}
interface Result {
  readonly data: ArrayLike<number | bigint>
}

/** One thread, and nothing kept between two rows but the model. */
const SESSION = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 4,
}

type Run = (row: readonly number[]) => Promise<Record<string, number>>

async function load({ addon, onnx, input, outputs }: Extract<ToModel, { addon: string }>): Promise<Run> {
  const runtime = createRequire(join(addon, 'any.js'))('onnxruntime-node') as Onnx
  const session = await runtime.InferenceSession.create(onnx, SESSION)
  const wanted = [...new Set(Object.values(outputs).map((it) => it.tensor))]
  if (session.inputNames.length !== 1 || session.inputNames[0] !== input)
    throw new Error(`its inputs are ${session.inputNames.join(', ')}, its manifest names ${input}`)
  const lacking = wanted.filter((it) => !session.outputNames.includes(it))
  if (lacking.length > 0) throw new Error(`it has no output ${lacking.join(', ')}: ${session.outputNames.join(', ')}`)
  return async (row) => {
    const result = await session.run({ [input]: new runtime.Tensor('float32', Float32Array.from(row), [1, row.length]) }, wanted)
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { tensor, at }]) => [name, Number(result[tensor]?.data[at] ?? Number.NaN)]),
    )
  }
}

/** Memory goes to others first, and so does the processor. */
function standBack(): void {
  setPriority(10)
  writeFileSync('/proc/self/oom_score_adj', '1000')
}

const tell = (message: FromModel) => process.send?.(message)
let run: Run | undefined

async function take(message: ToModel): Promise<void> {
  try {
    if ('addon' in message) {
      run = await load(message)
      tell({ loaded: true })
    } else if (run) tell({ id: message.id, outputs: await run(message.row) })
  } catch (error) {
    tell({ id: 'id' in message ? message.id : -1, failed: (error as Error).message.split('\n')[0]?.slice(0, 500) ?? '' })
  }
}

standBack()
process.on('message', (message: ToModel) => void take(message))
// Whoever started it is gone.
process.on('disconnect', () => process.exit(0))
