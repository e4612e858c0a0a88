// Files of models on the box: DIR/models/NAME.model.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MODEL_BYTES_MAX } from '../core/bounds.ts'
import { formatBytes } from '../core/units.ts'
import type { ModelFile } from '../core/model.ts'
import { openModel } from './model.ts'
import { Refused } from './refused.ts'

const ENDING = '.model'

export const modelsDir = (dir: string) => join(dir, 'models')
export const modelFile = (dir: string, name: string) => join(modelsDir(dir), name + ENDING)

/** Throws Refused. */
export const readModel = (dir: string, name: string, keys: readonly string[]) => openModel(bytesOf(dir, name), keys, name)

function bytesOf(dir: string, name: string): Uint8Array {
  const bytes = readBounded(modelFile(dir, name), MODEL_BYTES_MAX)
  if (bytes) return bytes
  throw new Refused('model-absent', `there is no model ${name}`)
}

/** Undefined: there is none, or it may not be read. Throws Refused. */
export function readBounded(file: string, bytesMax: number): Uint8Array | undefined {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch {
    return undefined
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

/** Another one: another file is there, or other bytes. Undefined: none is. */
export function stampOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join()
}

/** What `make` said of a file, for as long as the file and whom one trusts stay the same. */
export function remembered<T>() {
  const known = new Map<string, { readonly by: string; readonly value: T }>()
  return (file: string, keys: readonly string[], make: () => T): T => {
    // First: of a file that is changed meanwhile nothing is remembered that would be taken for the new one's.
    const stamp = stampOf(file)
    const by = [stamp, ...keys].join()
    const before = known.get(file)
    if (before?.by === by) return before.value
    known.delete(file)
    const value = make()
    if (stamp !== undefined) known.set(file, { by, value })
    return value
  }
}

/** Those that are there. */
export function modelNames(dir: string): string[] {
  let names: string[]
  try {
    names = readdirSync(modelsDir(dir))
  } catch {
    return []
  }
  return names
    .filter((it) => it.endsWith(ENDING))
    .map((it) => it.slice(0, -ENDING.length))
    .toSorted()
}

/** As it would be found at a start. */
export function listedModel(dir: string, name: string, keys: readonly string[]): ModelFile {
  try {
    const bytes = bytesOf(dir, name)
    const { of, signedBy, manifest } = openModel(bytes, keys, name)
    const { version, sha256 } = of
    const figures = { inputs: manifest.input.of, outputs: Object.keys(manifest.outputs) }
    return { name, bytes: bytes.length, version, sha256, ...figures, signedBy }
  } catch (error) {
    if (error instanceof Refused) return { name, bytes: 0, code: error.code, text: error.message }
    throw error
  }
}
