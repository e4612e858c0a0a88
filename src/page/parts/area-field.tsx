// A field of several lines: a certificate in PEM, addresses one a line. What is typed as a secret cannot be read over a shoulder.
import type { ComponentChildren } from 'preact'
import { Field } from './field.tsx'

interface Props {
  readonly label: ComponentChildren
  readonly hint?: ComponentChildren
  readonly error?: ComponentChildren
  readonly value: string
  readonly onInput: (value: string) => void
  readonly rows?: number
  readonly placeholder?: string
  readonly isSecret?: boolean
}

export function AreaField({ label, hint, error, value, onInput, rows = 4, placeholder, isSecret = false }: Props) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ties) => (
        <textarea
          {...ties}
          class={isSecret ? 'secret hidden-text' : 'table-text'}
          rows={rows}
          value={value}
          placeholder={placeholder}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="none"
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}
