// The keys of whoever imports: one that decrypts, one that signs receipts. Both stay with them; the box's settings have the public halves.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import { ownSigningKey } from './keys.ts'
import { writeWhole } from './whole.ts'

export interface NewKeys {
  /** Files, private. */
  readonly identity: string
  readonly receiptKey: string
  /** For the box's settings. */
  readonly to: string
  readonly receipts: string
}

/** Throws BadInput where there are keys already: nobody could read what was written for them. */
export async function makeKeys(dir: string): Promise<NewKeys> {
  const identity = join(dir, 'import.age')
  const receiptKey = join(dir, 'receipts.key')
  for (const file of [identity, receiptKey])
    if (existsSync(file)) throw new BadInput([{ where: file, text: 'is there already', remedy: 'name another folder' }])
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const secret = await generateX25519Identity()
  const to = await identityToRecipient(secret)
  writeWhole(identity, `# public key: ${to}\n${secret}\n`)
  return { identity, receiptKey, to, receipts: ownSigningKey(receiptKey).public }
}
