// A few lines that say what is read: topics, registers, columns. Many are better pasted into the grid of tags.
import type { Line } from '../../entry-form/draft.ts'
import type { ColumnSpec, EntrySpec } from '../../entry-form/spec.ts'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { t } from '../../words/index.ts'

interface Props {
  readonly spec: NonNullable<EntrySpec['lines']>
  readonly lines: readonly Line[]
  readonly classes: readonly string[]
  /** Without a key: of the list itself. */
  readonly problemOf: (index: number, key?: string) => string | undefined
  readonly onInput: (lines: readonly Line[]) => void
}

export function LinesEditor({ spec, lines, classes, problemOf, onInput }: Props) {
  const change = (index: number, key: string, value: string) =>
    onInput(lines.map((it, at) => (at === index ? { ...it, [key]: value } : it)))
  const add = () => onInput([...lines, Object.fromEntries([['class', lines.at(-1)?.['class'] ?? classes[0] ?? '']])])
  const listProblem = lines.length === 0 ? problemOf(0) : undefined
  return (
    <Card title={t('form.lines')}>
      <p class="quiet">{t(spec.hint)}</p>
      {listProblem !== undefined && <p class="error">{listProblem}</p>}
      {lines.map((line, index) => (
        <fieldset key={index} class="line-fields">
          <legend>{t('form.lineNumber', { n: index + 1 })}</legend>
          <div class="fields">
            {spec.columns.map((it) => (
              <Cell
                key={it.key}
                spec={it}
                value={line[it.key] ?? ''}
                classes={classes}
                error={problemOf(index, it.key)}
                onInput={(value) => change(index, it.key, value)}
              />
            ))}
          </div>
          {lines.length > 1 && (
            <button type="button" class="plain" onClick={() => onInput(lines.filter((_, at) => at !== index))}>
              <Icon name="trash" /> {t('form.removeLine')}
            </button>
          )}
        </fieldset>
      ))}
      <button type="button" onClick={add}>
        <Icon name="plus" /> {t('form.addLine')}
      </button>
    </Card>
  )
}

interface CellProps {
  readonly spec: ColumnSpec
  readonly value: string
  readonly classes: readonly string[]
  readonly error: string | undefined
  readonly onInput: (value: string) => void
}

function Cell({ spec, value, classes, error, onInput }: CellProps) {
  const choices = spec.kind === 'class' ? classes : spec.choices
  if (choices)
    return (
      <SelectField
        label={t(spec.label)}
        value={value}
        choices={(choices.includes(value) ? choices : [value, ...choices]).map((it) => ({ value: it, text: it || '—' }))}
        error={error}
        onInput={onInput}
      />
    )
  return (
    <TextField
      label={t(spec.label)}
      value={value}
      error={error}
      onInput={onInput}
      {...(spec.example !== undefined && { placeholder: spec.example })}
    />
  )
}
