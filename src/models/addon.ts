// The add-on that runs models: a signed file, proven at each start and unpacked into a folder that nobody else writes.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ADDON_BYTES_MAX } from '../core/bounds.ts'
import type { ModelsView } from '../core/model.ts'
import type { Container } from './container.ts'
import { open } from './container.ts'
import { Refused } from './refused.ts'
import { readBounded } from './files.ts'

export const ADDON_FILE = 'addons/onnx.addon'

/** Says which version it is. Throws Refused. */
export function unpackAddon(dir: string, keys: readonly string[], into: string): string {
  const container = provenAddon(dir, keys)
  // The folder itself may be where a file system begins.
  mkdirSync(into, { recursive: true, mode: 0o700 })
  for (const it of readdirSync(into)) rmSync(join(into, it), { recursive: true, force: true })
  for (const it of container.parts()) {
    const file = join(into, it.name)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, it.bytes, { mode: 0o600 })
  }
  return container.version
}

/** Whether it would be unpacked. */
export function addonVersion(dir: string, keys: readonly string[]): ModelsView['addon'] {
  try {
    return { version: provenAddon(dir, keys).version }
  } catch (error) {
    if (error instanceof Refused) return { code: error.code, text: error.message }
    throw error
  }
}

function provenAddon(dir: string, keys: readonly string[]): Container {
  const bytes = readBounded(join(dir, ADDON_FILE), ADDON_BYTES_MAX)
  if (!bytes) throw new Refused('addon-absent', 'the add-on onnx is not there')
  const container = open(bytes, keys)
  if (container.kind === 'addon' && container.name === 'onnx') return container
  throw new Refused('model-damaged', 'it is not the add-on onnx')
}

/** `ed25519:…`, one a line; what stands behind # is for people. Of a file that is not there: none. */
export function readKeyring(file: string): string[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((it) => /^\s*(ed25519:[\w-]{43})\s*(#.*)?$/.exec(it)?.[1] ?? [])
}
