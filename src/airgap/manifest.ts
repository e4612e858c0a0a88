// What is in a file that a box has given out, in a form that this box alone can read and make (FORMAT.md).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { StreamRange } from '../core/stream.ts'
import type { SigningKey } from './keys.ts'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CONTENT_BYTES_MAX = 4_000_000

export interface Manifest {
  readonly uplink: string
  readonly ranges: readonly StreamRange[]
}

const keyOf = ({ secret }: SigningKey) => Buffer.from(hkdfSync('sha256', secret, '', 'holdfast export manifest', 32))

export function sealManifest(manifest: Manifest, key: SigningKey): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(key), nonce)
  const sealed = Buffer.concat([cipher.update(deflateRawSync(JSON.stringify(manifest))), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/** Undefined when it is none of this key's. */
export function openManifest(bytes: Uint8Array, key: SigningKey): Manifest | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(key), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    const packed = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
    return JSON.parse(inflateRawSync(packed, { maxOutputLength: CONTENT_BYTES_MAX }).toString('utf8')) as Manifest
  } catch {
    return undefined
  }
}
