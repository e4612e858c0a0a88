// Files of models on the box: DIR/models/NAME.model.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MODEL_BYTES_MAX } from '../core/bounds.ts'
import { formatBytes } from '../core/units.ts'
import type { ModelFile } from '../core/model.ts'
import { openModel } from './model.ts'
import { Refused } from './refused.ts'

const ENDING = '.model'

export const modelsDir = (dir: string) => join(dir, 'models')
export const modelFile = (dir: string, name: string) => join(modelsDir(dir), name + ENDING)

export const readModel = (dir: string, name: string, keys: readonly string[]) =>
  openModel(readBounded(modelFile(dir, name), MODEL_BYTES_MAX, 'model-absent'), keys, name)

/** Throws Refused: with the code where there is none. */
export function readBounded(file: string, bytesMax: number, absent: string): Uint8Array {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    throw new Refused(absent, `${basename(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    const found = fstatSync(fd)
    if (!found.isFile()) throw new Refused('model-damaged', 'it is no file')
    if (found.size > bytesMax)
      throw new Refused('model-too-large', `it has ${formatBytes(found.size)}, at most ${formatBytes(bytesMax)} are allowed`)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Those that are there, each as it would be found at a start. */
export function listModels(dir: string, keys: readonly string[]): ModelFile[] {
  let names: string[]
  try {
    names = readdirSync(modelsDir(dir))
  } catch {
    return []
  }
  const models = names.filter((it) => it.endsWith(ENDING)).map((it) => it.slice(0, -ENDING.length))
  return models.toSorted().map((name) => listed(dir, name, keys))
}

function listed(dir: string, name: string, keys: readonly string[]): ModelFile {
  try {
    const bytes = readBounded(modelFile(dir, name), MODEL_BYTES_MAX, 'model-absent')
    const { of, signedBy, manifest } = openModel(bytes, keys, name)
    const { version, sha256 } = of
    const figures = { inputs: manifest.input.of, outputs: Object.keys(manifest.outputs) }
    return { name, bytes: bytes.length, version, sha256, ...figures, signedBy }
  } catch (error) {
    if (error instanceof Refused) return { name, bytes: 0, code: error.code, text: error.message }
    throw error
  }
}
