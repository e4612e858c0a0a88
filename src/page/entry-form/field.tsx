// One field of an entry's form, as its spec says.
import { AreaField } from '../parts/area-field.tsx'
import { CheckField, SelectField, TextField } from '../parts/field.tsx'
import { isVar, itemsOf, textOf } from '../settings-text/scalar.ts'
import { t } from '../words/index.ts'
import type { Draft } from './draft.ts'
import { isSecret, keptKey } from './draft.ts'
import type { FieldSpec } from './spec.ts'

interface Props {
  readonly spec: FieldSpec
  readonly draft: Draft
  readonly error: string | undefined
  /** A secret of it is there. */
  readonly isStored: boolean
  readonly known: { readonly classes: readonly string[]; readonly rules: readonly string[] }
  readonly onChange: (parts: Partial<Draft>) => void
}

export function EntryField(own: Props) {
  const { spec, draft, onChange } = own
  const field = isSecret(spec, draft.values) ? <SecretField {...own} /> : <PlainField {...own} />
  if (spec.kind !== 'address') return field
  const { key } = spec
  const keep = (isKept: boolean) => {
    const text = (isKept ? draft.values[key] : draft.secrets[key]) ?? ''
    onChange({
      values: { ...draft.values, [keptKey(key)]: String(isKept), [key]: isKept ? '' : text },
      secrets: { ...draft.secrets, [key]: isKept ? text : '' },
    })
  }
  return (
    <div>
      {field}
      <CheckField label={t('form.keptSecret')} checked={draft.values[keptKey(key)] === 'true'} onInput={keep} />
    </div>
  )
}

function SecretField({ spec, draft, error, isStored, onChange }: Props) {
  const hint = t(isStored ? 'form.secretStays' : 'form.secretHint')
  const shared = { label: t(spec.label), value: draft.secrets[spec.key] ?? '', hint, error }
  const onInput = (value: string) => onChange({ secrets: { ...draft.secrets, [spec.key]: value } })
  if (spec.kind === 'secret-pem') return <AreaField {...shared} onInput={onInput} isSecret />
  return <TextField {...shared} type="password" autocomplete="new-password" onInput={onInput} />
}

function PlainField({ spec, draft, error, known, onChange }: Props) {
  const value = draft.values[spec.key] ?? ''
  const hint = isVar(value) ? t('form.ownValue') : spec.hint && t(spec.hint)
  const usual = spec.otherwise === undefined ? undefined : t('form.otherwise', { value: spec.otherwise })
  const onInput = (text: string) => onChange({ values: { ...draft.values, [spec.key]: text } })
  const shared = { label: t(spec.label), value, hint, error, onInput }
  switch (spec.kind) {
    case 'select':
    case 'class': {
      const listed = spec.kind === 'class' ? ['', ...known.classes] : (spec.choices ?? [])
      const choices = isVar(value) ? [value, ...listed] : listed
      return <SelectField {...shared} choices={choices.map((it) => ({ value: it, text: it === '' ? (usual ?? '—') : it }))} />
    }
    case 'classes':
    case 'rules':
      return <NamesField {...shared} names={known[spec.kind]} />
    case 'pem':
      return <AreaField {...shared} />
    case 'check':
      return <CheckField label={shared.label} checked={value === 'true'} onInput={(is) => onInput(is ? 'true' : '')} />
    default:
      return (
        <TextField
          {...shared}
          {...(spec.kind === 'number' && { inputMode: 'numeric' as const })}
          {...(usual !== undefined && { placeholder: usual })}
        />
      )
  }
}

interface NamesProps {
  readonly label: string
  /** A comma between. */
  readonly value: string
  readonly names: readonly string[]
  readonly hint: string | undefined
  readonly error: string | undefined
  readonly onInput: (value: string) => void
}

/** Some of what there is, and what is chosen though it is not there. */
function NamesField({ label, value, names, hint, error, onInput }: NamesProps) {
  const chosen = itemsOf(value).map(textOf)
  const all = [...new Set([...names, ...chosen])]
  const change = (name: string, isIn: boolean) =>
    onInput(all.filter((it) => (it === name ? isIn : chosen.includes(it))).join(', '))
  return (
    <fieldset class={error === undefined ? 'names' : 'names wrong'}>
      <legend>{label}</legend>
      {hint !== undefined && <p class="hint">{hint}</p>}
      {all.map((it) => (
        <CheckField key={it} label={it} checked={chosen.includes(it)} onInput={(isIn) => change(it, isIn)} />
      ))}
      {all.length === 0 && <p class="quiet">{t('form.noneThere')}</p>}
      {error !== undefined && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  )
}
