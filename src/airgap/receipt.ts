// Receipts (FORMAT.md): what an importer says is at the destination, with a signature that the box's settings name.
import { z } from 'zod'
import type { ReceiptContent } from '../core/airgap.ts'
import { BadInput } from '../core/errors.ts'
import type { SigningKey } from './keys.ts'
import { isSignedBy } from './keys.ts'

const SIGNED_PREFIX = 'holdfast-receipt\n'
const WHERE = 'the receipt'
const sequence = z.int().min(0)
const text = z.string().min(1).max(512)
const content = z.strictObject({
  device: text,
  uplink: text,
  transaction: sequence,
  at: sequence,
  ranges: z.array(z.strictObject({ stream: text, from: sequence, to: sequence }).refine((it) => it.from < it.to)),
  refused: z.array(z.strictObject({ stream: text, sequence, code: text })),
  files: z.record(text, z.string().regex(/^[0-9a-f]{64}$/)),
})

export function writeReceipt(receipt: ReceiptContent, key: SigningKey): string {
  const line = JSON.stringify(receipt)
  return `${line}\n${key.public} ${key.sign(Buffer.from(SIGNED_PREFIX + line)).toString('base64url')}\n`
}

/** Throws BadInput where it is no receipt, or not signed by `trusted`. */
export function readReceipt(receipt: string, trusted: string): ReceiptContent {
  const [line = '', signed = '', ...rest] = receipt.split('\n')
  const [key = '', signature = ''] = signed.split(' ')
  if (rest.join('') !== '' || signature === '') throw refused('it is no receipt, or is cut off')
  if (key !== trusted)
    throw refused(
      'it is signed by another key than the one that counts',
      'export.receipts in the settings names whose receipts count',
    )
  if (!isSignedBy(key, Buffer.from(SIGNED_PREFIX + line), Buffer.from(signature, 'base64url')))
    throw refused('its signature does not hold: it has changed since it was written, or is forged')
  const checked = content.safeParse(parsed(line))
  if (!checked.success) throw refused('what it says cannot be read')
  return checked.data
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function refused(why: string, remedy?: string): BadInput {
  return new BadInput([{ where: WHERE, text: why, ...(remedy !== undefined && { remedy }) }])
}
