// A table from a spreadsheet or a CSV file: its columns are the keys of the settings.
import { useState } from 'preact/hooks'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { CheckField, Field, SelectField } from '../../parts/field.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { tableIntoTags } from '../../settings-text/tags.ts'
import { propose } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'

interface Props {
  readonly given: string
  readonly sources: readonly string[]
  readonly source: string
  readonly onClose: () => void
  readonly onApplied: () => void
}

export function Import({ given, sources, source, onClose, onApplied }: Props) {
  const [text, setText] = useState(given)
  const [name, setName] = useState(source)
  const [isMerge, setMerge] = useState(true)
  const [error, setError] = useState<unknown>()
  const submit = async () => {
    setError(undefined)
    const edit = (settings: string) => tableIntoTags(settings, name, text, isMerge)
    await propose({ title: t('import.applyTitle', { source: name }), edit, applied: onApplied }).then(onClose, setError)
  }
  return (
    <Dialog
      title={t('import.title')}
      onClose={onClose}
      isWide
      actions={
        <>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
          <Button kind="main" onPress={submit} disabled={text.trim() === ''}>
            {t('form.next')}
          </Button>
        </>
      }
    >
      <div class="fields">
        <SelectField
          label={t('import.into')}
          value={name}
          choices={sources.map((it) => ({ value: it, text: it }))}
          onInput={setName}
        />
        <Field label={t('import.file')} hint={t('import.fileHint')}>
          {(ties) => (
            <input
              {...ties}
              type="file"
              accept=".csv,.tsv,.txt,text/csv"
              onChange={async (event) => setText((await event.currentTarget.files?.[0]?.text()) ?? '')}
            />
          )}
        </Field>
      </div>
      <Field label={t('import.paste')} hint={t('import.pasteHint')}>
        {(ties) => (
          <textarea
            {...ties}
            class="table-text"
            rows={8}
            value={text}
            spellcheck={false}
            placeholder={'tag\tregister\ttype\tunit\tclass'}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
      <CheckField label={t('import.merge')} checked={isMerge} onInput={setMerge} />
      {!isMerge && <p class="remedy">{t('import.replaces', { source: name })}</p>}
      {error !== undefined && <ErrorView error={error} />}
    </Dialog>
  )
}
