// What the form of an entry of the settings asks for: keys as the settings have them. Everything else can be set in the text of the settings.
import type { Entry } from '../settings-text/entries.ts'
import type { WordKey } from '../words/index.ts'

export interface FieldSpec {
  /** As in the settings, a dot between levels: `security.policy`. */
  readonly key: string
  readonly label: WordKey
  /**
   * `list`: a comma between. `pem`: a certificate, or the name of the secret that has it. `secret-pem`: a private key. `address`: may be kept as a secret.
   * `classes`, `rules`: some of those that there are. `check`: true, or not there.
   */
  readonly kind:
    | 'text'
    | 'number'
    | 'select'
    | 'class'
    | 'list'
    | 'pem'
    | 'secret'
    | 'secret-pem'
    | 'address'
    | 'classes'
    | 'rules'
    | 'check'
  readonly choices?: readonly string[]
  readonly hint?: WordKey
  /** What holds where the field is empty. */
  readonly otherwise?: string
  /** Behind "More". */
  readonly isMore?: boolean
  /** Then it is not asked for, and goes out of the settings. */
  readonly isOut?: (values: Values) => boolean
}

/** What the fields hold, by key. */
export type Values = Readonly<Record<string, string>>

export interface ColumnSpec {
  readonly key: string
  readonly label: WordKey
  readonly kind: 'text' | 'number' | 'select' | 'class'
  readonly choices?: readonly string[]
  readonly example?: string
}

export interface EntrySpec {
  readonly fields: readonly FieldSpec[]
  /** Lines that say what is read. */
  readonly lines?: {
    readonly key: string
    readonly columns: readonly ColumnSpec[]
    /** Where a source is new; `name` is the source's. */
    readonly first: (name: string) => Entry
    /** Asked for when a source is added; afterwards the browser and the grid of tags do it better. */
    readonly isOnlyFirst?: boolean
    readonly hint: WordKey
  }
}
