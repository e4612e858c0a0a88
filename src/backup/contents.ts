// The inside of a backup: one JSON document. Its format is a number of its own: a box refuses a later one than it knows.
import { z } from 'zod'
import { SECRET_CHARS_MAX, SETTINGS_CHARS_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { LedgerLine } from '../core/operator.ts'

const FORMAT = 1
export const KEY_FILE_BYTES_MAX = 65_536
export const KEY_FILES_MAX = 1_000
/** Paths below the data directory that a backup may bring: of protocols what makes this box known to far ends, and them to it; the key of its exports. */
const KEY_FILE =
  /^(?:export\/box\.key|protocols\/[a-z0-9-]{1,64}\/pki\/(?:own|trusted|issuers)\/(?:certs|private|crl)\/(?!\.)[^/\p{Cc}]{1,200})$/u

export interface BackupContents {
  readonly device: string
  readonly madeAt: number
  readonly version: string
  readonly settings: string
  readonly secrets: Readonly<Record<string, string>>
  /** Base64, by paths as KEY_FILE has them. */
  readonly files: Readonly<Record<string, string>>
  readonly ledger: readonly LedgerLine[]
  readonly ledgerLines: number
}

const text = z.string().max(4_096)
const count = z.int().min(0)
const schema = z.object({
  device: z.string().min(1).max(63),
  madeAt: count,
  version: text,
  settings: z.string().max(SETTINGS_CHARS_MAX),
  secrets: z.record(z.string().min(1).max(256), z.string().max(SECRET_CHARS_MAX)),
  files: z.record(z.string().regex(KEY_FILE), z.base64().max(Math.ceil(KEY_FILE_BYTES_MAX / 3) * 4)),
  ledger: z.array(
    z.object({
      device: text,
      epoch: text,
      class: text,
      form: z.custom<LedgerLine['form']>((it) => typeof it === 'string'),
      from: count,
      to: count,
      count,
      timeFrom: z.int(),
      timeTo: z.int(),
      action: z.custom<LedgerLine['action']>((it) => typeof it === 'string'),
      reason: text,
      at: z.int(),
    }),
  ),
  ledgerLines: count,
})

export const isKeyFile = (path: string): boolean => KEY_FILE.test(path)

export function contentsText(contents: BackupContents): string {
  return JSON.stringify({ format: FORMAT, ...contents })
}

/** Throws BadInput. */
export function parseContents(json: string): BackupContents {
  const document = jsonOf(json)
  const format: unknown = (document as { format?: unknown } | null)?.format
  if (typeof format === 'number' && format > FORMAT)
    throw wrong(`has format ${format}, this version knows ${FORMAT}`, 'install the version of the box that made it')
  const { success, data, error } = schema.safeParse(document)
  if (success && format === FORMAT) return data
  const [issue] = error?.issues ?? []
  throw wrong(`holds something else than a backup of a box${issue ? `: ${issue.path.slice(0, 2).join('.')}` : ''}`)
}

function jsonOf(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // The parser's own message would quote the text.
    return undefined
  }
}

function wrong(what: string, remedy = 'choose a file that was made by Backup, or by holdfast backup save'): BadInput {
  return new BadInput([{ where: 'file', text: what, remedy }])
}
