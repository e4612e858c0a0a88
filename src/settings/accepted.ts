// What the check of the settings yielded, kept for the next start: DIR/settings/accepted.
//
//   12 bytes drawn anew │ 16 bytes AES-GCM's tag │ what was found, by structured clone, encrypted
//
// What must hold: it counts for the very text, values, secrets and build that were checked, and for no others. The key is made of all of these, so whatever is
// another, torn or changed opens nothing, and the settings are checked as if it were not there. With the secrets in the key, the file says no
// secret to anybody who does not have all of them; one that was replaced opens none that is left.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { CheckedSettings } from './read.ts'
import { openSecrets, SECRET_VARIABLES } from './secrets.ts'

const CIPHER = 'aes-256-gcm'
const DRAWN_BYTES = 12
const TAG_BYTES = 16
/** Settings of some ten thousand tags; larger ones are checked at each start. */
export const ACCEPTED_BYTES_MAX = 8_000_000

export interface AcceptedParts {
  /** The settings' file, as messages name it. */
  readonly file: string
  readonly dir: string
  readonly deviceId: string
  readonly valuesFile?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Which code checks: two that could find anything else have different ones. */
  readonly build: string
}

interface Kept {
  /** See `SettingsContext`: without it nothing at all was found, and so nothing would be with it. */
  readonly ranBefore: boolean
  readonly checked: CheckedSettings
}

export interface Accepted {
  /** What this text is accepted as now. Undefined: check it. */
  find(text: string, ranBefore: boolean): Promise<CheckedSettings | undefined>
  /** Of all that a check is made from. Undefined: it cannot be read, as the check will say. */
  key(text: string): Promise<Buffer | undefined>
  /** Once it resolves, it is found by that key. `key` must have been the same before and after the check. */
  keep(key: Buffer, kept: Kept): Promise<void>
}

export const acceptedFile = (dir: string) => join(dir, 'settings', 'accepted')

/** `write` replaces a file as a whole, on disk by fsync when it resolves. */
export function openAccepted(
  parts: AcceptedParts,
  write: (path: string, content: Uint8Array, mode: number) => Promise<void>,
): Accepted {
  const path = acceptedFile(parts.dir)
  const key = (text: string) => keyOf(text, parts).catch(() => undefined)
  return {
    key,
    async find(text, ranBefore) {
      const content = await readAtMost(path, ACCEPTED_BYTES_MAX).catch(() => undefined)
      const by = content && (await key(text))
      const found = by && opened(content, by)
      return found && (ranBefore || !found.ranBefore) ? found.checked : undefined
    },
    async keep(by, kept) {
      const content = sealed(serialize(kept), by)
      if (content.length > ACCEPTED_BYTES_MAX) return
      await mkdir(dirname(path), { recursive: true, mode: 0o750 })
      await write(path, content, 0o600)
    },
  }
}

async function keyOf(text: string, { file, dir, deviceId, valuesFile, env, build }: AcceptedParts): Promise<Buffer> {
  const { stored, get } = await openSecrets(dir, env)
  const values = valuesFile === undefined ? null : await readFile(valuesFile, 'base64')
  const all = [
    [build, process.version, file, deviceId],
    stored.map((name) => [name, get(name)]),
    Object.entries(env).filter(([name]) => name.startsWith(SECRET_VARIABLES)),
    [values, text],
  ]
  return createHash('sha256').update(JSON.stringify(all)).digest()
}

async function readAtMost(path: string, bytesMax: number): Promise<Buffer | undefined> {
  const handle = await open(path)
  try {
    return (await handle.stat()).size > bytesMax ? undefined : await handle.readFile()
  } finally {
    await handle.close()
  }
}

function sealed(content: Uint8Array, key: Buffer): Buffer {
  const drawn = randomBytes(DRAWN_BYTES)
  const cipher = createCipheriv(CIPHER, key, drawn)
  const encrypted = [cipher.update(content), cipher.final()]
  return Buffer.concat([drawn, cipher.getAuthTag(), ...encrypted])
}

function opened(content: Buffer, key: Buffer): Kept | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, content.subarray(0, DRAWN_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(content.subarray(DRAWN_BYTES, DRAWN_BYTES + TAG_BYTES))
    const plain = [decipher.update(content.subarray(DRAWN_BYTES + TAG_BYTES)), decipher.final()]
    return deserialize(Buffer.concat(plain)) as Kept
  } catch {
    return undefined
  }
}
