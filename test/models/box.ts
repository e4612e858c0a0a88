// A box with an add-on and models, as somebody would lay them there, and the process that runs them.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ownSigningKey } from '../../src/airgap/keys.ts'
import type { ModelManifest } from '../../src/models/model.ts'
import { ONNX_PART } from '../../src/models/model.ts'
import { seal } from '../../src/models/container.ts'
import { modelFile } from '../../src/models/files.ts'
import { scorerSocket } from '../../src/models/socket.ts'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { until } from '../route/until.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** The small models of make.py: two inputs, one output. */
export type Small = 'linear' | 'hang' | 'grow'
export const onnxFile = (name: Small) => join(import.meta.dirname, 'files', `${name}.onnx`)
export const onnxOf = (name: Small) => readFileSync(onnxFile(name))
export const manifestOf = (name: string, version = '1'): ModelManifest => ({
  name,
  version,
  input: { tensor: 'x', of: ['a', 'b'] },
  outputs: { score: { tensor: 'y', at: 0 } },
})

export const keyIn = (dir: string) => ownSigningKey(join(dir, 'models.key'))

export function sealed(dir: string, onnx: Uint8Array, manifest: ModelManifest): Buffer {
  return seal({ kind: 'model', ...manifest }, [{ name: ONNX_PART, bytes: onnx }], keyIn(dir))
}

/** Lays it where `models add` does. */
export function layModel(dir: string, data: string, model: Small, version?: string): void {
  mkdirSync(join(data, 'models'), { recursive: true })
  writeFileSync(modelFile(data, model), sealed(dir, onnxOf(model), manifestOf(model, version)))
}

/** Fetches ONNX Runtime where it is not there yet, and packs it once for all tests. */
export async function layAddon(dir: string, data: string): Promise<string> {
  const { stdout } = await run('bash', ['test/models/onnx.sh', 'fetch'], { cwd: root })
  const [key, keyring] = [join(dir, 'addon.key'), join(dir, 'addon-keys')]
  mkdirSync(join(data, 'addons'), { recursive: true })
  const version = stdout.trim().split('/').at(-1) as string
  const args = ['images/addon.ts', join(root, stdout.trim()), version, key, join(data, 'addons/onnx.addon')]
  writeFileSync(keyring, (await run(process.execPath, args, { cwd: root })).stdout)
  return keyring
}

export async function startScorer(dir: string, data: string, keyring: string, name = 'scorer'): Promise<Child> {
  const child = startChild(dir, name, process.execPath, [cli, 'scorer', '--data', data, '--keyring', keyring])
  await until('the scorer listens', () => {
    if (!child.isRunning()) throw new Error(`the scorer ended: ${readFileSync(child.logFile, 'utf8')}`)
    return existsSync(scorerSocket(data))
  })
  return child
}
