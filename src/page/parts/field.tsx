// A labelled field with a hint, and with what is wrong with it beside it.
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: ComponentChildren
  readonly hint?: ComponentChildren
  readonly error?: ComponentChildren
  /** Gets what ties the field to label, hint and error. */
  readonly children: (ties: Ties) => ComponentChildren
}

interface Ties {
  readonly id: string
  readonly 'aria-describedby': string | undefined
  readonly 'aria-invalid': boolean
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId()
  const hasHint = hint !== undefined && hint !== ''
  const hasError = error !== undefined && error !== '' && error !== null
  const described = [hasHint && `${id}-hint`, hasError && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div class={`field${hasError ? ' wrong' : ''}`}>
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': hasError })}
      {hasHint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {hasError && (
        <p class="error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  )
}

interface TextProps extends Omit<FieldProps, 'children'> {
  readonly value: string
  readonly onInput: (value: string) => void
  readonly type?: 'text' | 'password' | 'number' | 'search' | 'url'
  readonly name?: string
  readonly autocomplete?: string
  readonly placeholder?: string
  readonly required?: boolean
  readonly disabled?: boolean
  readonly inputMode?: 'numeric' | 'text'
}

export function TextField({ label, hint, error, value, onInput, type = 'text', ...more }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ties) => (
        <input
          {...ties}
          {...more}
          type={type as 'text'}
          value={value}
          spellcheck={false}
          autocapitalize="none"
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}

export interface Choice {
  readonly value: string
  readonly text: string
}

interface SelectProps extends Omit<FieldProps, 'children'> {
  readonly value: string
  readonly choices: readonly Choice[]
  readonly onInput: (value: string) => void
  readonly disabled?: boolean
}

export function SelectField({ label, hint, error, value, choices, onInput, disabled = false }: SelectProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ties) => (
        <select {...ties} value={value} disabled={disabled} onChange={(event) => onInput(event.currentTarget.value)}>
          {choices.map((it) => (
            <option key={it.value} value={it.value} selected={it.value === value}>
              {it.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

interface CheckProps {
  readonly label: ComponentChildren
  readonly checked: boolean
  readonly onInput: (checked: boolean) => void
  readonly disabled?: boolean
}

export function CheckField({ label, checked, onInput, disabled = false }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onInput(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  )
}
