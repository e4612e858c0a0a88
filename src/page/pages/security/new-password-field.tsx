import { TextField } from '../../parts/field.tsx'
import { t } from '../../words/index.ts'

interface Props {
  readonly label: string
  readonly hint?: string
  readonly value: string
  readonly onInput: (value: string) => void
}

export function NewPasswordField({ label, hint = t('security.passwordHint'), value, onInput }: Props) {
  return <TextField label={label} hint={hint} type="password" autocomplete="new-password" value={value} onInput={onInput} />
}
