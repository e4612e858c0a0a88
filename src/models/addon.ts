// The add-on that runs models: a signed file, proven at each start and unpacked into a folder that nobody else writes.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ADDON_BYTES_MAX } from '../core/bounds.ts'
import { open } from './container.ts'
import { Refused } from './refused.ts'
import { readBounded } from './files.ts'

export const ADDON_FILE = 'addons/onnx.addon'

/** Says which version it is. Throws Refused. */
export function unpackAddon(dir: string, keys: readonly string[], into: string): string {
  const bytes = readBounded(join(dir, ADDON_FILE), ADDON_BYTES_MAX, 'addon-absent')
  const container = open(bytes, keys)
  if (container.kind !== 'addon' || container.name !== 'onnx') throw new Refused('model-damaged', 'it is not the add-on onnx')
  rmSync(into, { recursive: true, force: true })
  for (const it of container.parts()) {
    const file = join(into, it.name)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, it.bytes, { mode: 0o600 })
  }
  return container.version
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
