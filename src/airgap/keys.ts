// Ed25519 keys as people hand them on: `ed25519:` and base64url of the 32 bytes. Private keys are PEM files that only their owner reads.
import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BadInput } from '../core/errors.ts'
import { writeWhole } from './whole.ts'

export const SIGNATURE_BYTES = 64
/** The box's own, below its data directory; made by its first export. */
export const EXPORT_KEY_FILE = 'export/box.key'
const PREFIX = 'ed25519:'
const KEY_PATTERN = /^ed25519:[A-Za-z0-9_-]{43}$/

export interface SigningKey {
  /** `ed25519:…` */
  readonly public: string
  sign(bytes: Uint8Array): Buffer
  /** For what only the holder of this key shall be able to make or read. */
  readonly secret: Buffer
}

/** Reads the key of a file. Throws BadInput. */
export function readSigningKey(file: string): SigningKey {
  const wrong = (text: string) =>
    new BadInput([{ where: file, text, remedy: 'it must be an Ed25519 private key as PEM (import DIR --new-keys makes one)' }])
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw wrong(`cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch {
    throw wrong('is no private key')
  }
  if (key.asymmetricKeyType !== 'ed25519') throw wrong(`is a key of another kind (${key.asymmetricKeyType})`)
  return signingKey(key)
}

/** The key of a file, made with it when it is not there (0600). */
export function ownSigningKey(file: string): SigningKey {
  if (existsSync(file)) return readSigningKey(file)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ed25519')
  writeWhole(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return signingKey(privateKey)
}

function signingKey(key: KeyObject): SigningKey {
  const { x, d } = key.export({ format: 'jwk' }) as { x: string; d: string }
  return { public: PREFIX + x, sign: (bytes) => sign(null, bytes, key), secret: Buffer.from(d, 'base64url') }
}

export function isPublicKey(text: string): boolean {
  return KEY_PATTERN.test(text)
}

/** False too where the key is none. */
export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (!isPublicKey(publicKey) || signature.length !== SIGNATURE_BYTES) return false
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.slice(PREFIX.length) }, format: 'jwk' })
    return verify(null, bytes, key, signature)
  } catch {
    return false
  }
}
