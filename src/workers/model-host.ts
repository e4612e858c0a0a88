// Starts and watches the process of one model (models/served.ts says when it ends).
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Model, ModelManifest } from '../models/model.ts'
import { Refused } from '../models/refused.ts'
import type { ModelProcess } from '../models/served.ts'

export type ToModel =
  | {
      readonly addon: string
      readonly onnx: Uint8Array
      readonly input: string
      readonly outputs: ModelManifest['outputs']
    }
  | { readonly id: number; readonly row: readonly number[] }

export type FromModel =
  | { readonly loaded: true }
  | { readonly id: number; readonly outputs: Readonly<Record<string, number>> }
  | { readonly id: number; readonly failed: string }

const PAGE_BYTES = 4_096
const HEAP_MB = 64

/** `addon`: where it is unpacked. */
export function modelProcess(addon: string): ModelProcess {
  const child = fork(fileURLToPath(new URL('./model.ts', import.meta.url)), [], {
    env: {},
    execArgv: [`--max-old-space-size=${HEAP_MB}`, '--max-semi-space-size=1', '--wasm-wrapper-tiering-budget=2000000000'],
    // Bytes as they are, and numbers that are none.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  let why: Refused | undefined
  let next = 0
  const open = new Map<number, (message: FromModel) => void>()
  child.on('message', (message: FromModel) => open.get('id' in message ? message.id : -1)?.(message))
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.on('error', (error) => {
      // What could not be sent to one that is there: that it ended is said by its exit.
      if (child.pid !== undefined) return
      why ??= new Refused('model-died', `its process cannot be started: ${error.message}`)
      resolve()
    })
  })

  const answered = (id: number, message: ToModel) =>
    new Promise<FromModel>((resolve) => {
      open.set(id, (answer) => {
        open.delete(id)
        resolve(answer)
      })
      child.send(message, () => {})
    })

  return {
    async load({ onnx, manifest }: Model) {
      const answer = await answered(-1, { addon, onnx, input: manifest.input.tensor, outputs: manifest.outputs })
      if ('failed' in answer) throw new Refused('model-unusable', answer.failed)
    },
    async run(row) {
      const id = next++
      const answer = await answered(id, { id, row })
      if ('outputs' in answer) return answer.outputs
      throw new Refused('model-failed', 'failed' in answer ? answer.failed : '')
    },
    memory: () => residentBytes(child.pid),
    kill(because) {
      why ??= because
      child.kill('SIGKILL')
    },
    killedBy: () => why,
    ended,
  }
}

/** What files it has mapped count for nobody. */
function residentBytes(pid: number | undefined): number {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number)
    return (resident - shared) * PAGE_BYTES
  } catch {
    return 0
  }
}
