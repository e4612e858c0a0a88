// What is done to all that are picked: one key of their lines set to one value, or the lines taken out.
import { useState } from 'preact/hooks'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { classNames } from '../../settings-text/entries.ts'
import type { TagLine } from '../../settings-text/tags.ts'
import { mergeTags, removeTags } from '../../settings-text/tags.ts'
import { propose } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'
import { rowKey } from './grid.tsx'
import type { GridRow } from './grid-rows.ts'

interface Props {
  readonly rows: readonly GridRow[]
  readonly picked: ReadonlySet<string>
  readonly settings: string
  readonly onPick: (picked: ReadonlySet<string>) => void
  readonly onApplied: () => void
}

/** Keys that lines of several protocols share; a line that cannot have it is for the check to refuse. */
const KEYS = ['class', 'unit', 'sampling', 'deadband', 'scale', 'offset', 'type', 'order'] as const
type Key = (typeof KEYS)[number]

export function BulkBar({ rows, picked, settings, onPick, onApplied }: Props) {
  const [isOpen, setOpen] = useState(false)
  const [error, setError] = useState<unknown>()
  if (picked.size === 0) return null
  const lines = [...new Set(rows.filter((it) => picked.has(rowKey(it))).flatMap((it) => (it.line ? [it.line] : [])))]
  const bySource = Map.groupBy(lines, (it) => it.source)
  const remove = () =>
    propose({
      title: t('tags.removeTitle', { n: lines.length }),
      edit: (text) =>
        [...bySource].reduce(
          (now, [source, its]) => removeTags(now, source, new Set(its.map((it) => String(it.line['tag'])))),
          text,
        ),
      applied: onApplied,
    }).catch(setError)
  return (
    <div class="picked" role="status">
      <strong>{t('browser.picked', { n: picked.size })}</strong>
      <button type="button" class="plain" onClick={() => onPick(new Set())}>
        {t('browser.clear')}
      </button>
      <Button onPress={remove} kind="danger" disabled={lines.length === 0}>
        {t('remove')}
      </Button>
      <button type="button" class="main" disabled={lines.length === 0} onClick={() => setOpen(true)}>
        {t('tags.bulk')}
      </button>
      {error !== undefined && <ErrorView error={error} />}
      {isOpen && (
        <BulkDialog
          bySource={bySource}
          count={lines.length}
          settings={settings}
          onClose={() => setOpen(false)}
          onApplied={onApplied}
        />
      )}
    </div>
  )
}

interface DialogProps {
  readonly bySource: ReadonlyMap<string, readonly TagLine[]>
  readonly count: number
  readonly settings: string
  readonly onClose: () => void
  readonly onApplied: () => void
}

function BulkDialog({ bySource, count, settings, onClose, onApplied }: DialogProps) {
  const classes = classNames(settings)
  const [key, setKey] = useState<Key>('class')
  const [value, setValue] = useState(classes[0] ?? '')
  const [error, setError] = useState<unknown>()
  const choose = (next: string) => {
    setKey(next as Key)
    setValue(next === 'class' ? (classes[0] ?? '') : '')
  }
  const submit = async () => {
    const cell = cellOf(key, value)
    const edit = (text: string) =>
      [...bySource].reduce(
        (now, [source, its]) =>
          mergeTags(
            now,
            source,
            its.map((it) => ({ tag: it.line['tag'], [key]: cell })),
          ),
        text,
      )
    await propose({ title: t('tags.bulkTitle', { key, n: count }), edit, applied: onApplied }).then(onClose, setError)
  }
  return (
    <Dialog
      title={t('tags.bulkHead', { n: count })}
      onClose={onClose}
      actions={
        <>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
          <Button kind="main" onPress={submit}>
            {t('form.next')}
          </Button>
        </>
      }
    >
      <SelectField
        label={t('tags.key')}
        value={key}
        choices={KEYS.map((it) => ({ value: it, text: t(`tags.key.${it}`) }))}
        onInput={choose}
      />
      {key === 'class' ? (
        <SelectField
          label={t('class')}
          value={value}
          choices={classes.map((it) => ({ value: it, text: it }))}
          onInput={setValue}
        />
      ) : (
        <TextField label={t('tags.newValue')} hint={t('tags.newValueHint')} value={value} onInput={setValue} />
      )}
      {error !== undefined && <ErrorView error={error} />}
    </Dialog>
  )
}

function cellOf(key: Key, value: string): string | number | undefined {
  const text = value.trim()
  if (text === '') return undefined
  const isNumber = ['deadband', 'scale', 'offset'].includes(key) && /^-?\d+(\.\d+)?$/.test(text)
  return isNumber ? Number(text) : text
}
