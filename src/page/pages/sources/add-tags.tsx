// What was picked gets its names, class and rate, and goes through the difference like every change.
import { useState } from 'preact/hooks'
import type { BrowseEntry } from '../../../core/source.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Field, SelectField, TextField } from '../../parts/field.tsx'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { classNames } from '../../settings-text/entries.ts'
import { mergeTags, tagLines } from '../../settings-text/tags.ts'
import { prepare, show } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'

interface Props {
  readonly source: string
  readonly protocol: string
  readonly settings: string
  readonly entries: readonly BrowseEntry[]
  readonly onClose: () => void
  readonly onAdded: () => void
}

type ProblemList = Parameters<typeof Problems>[0]['problems']

export function AddTags({ source, protocol, settings, entries, onClose, onAdded }: Props) {
  const classes = classNames(settings)
  const [prefix, setPrefix] = useState(`${source}/`)
  const [names, setNames] = useState(() => entries.map((it) => String(it.line?.['tag'] ?? it.name)))
  const [className, setClass] = useState(classes.find((it) => it === 'process') ?? classes[0] ?? 'default')
  const [sampling, setSampling] = useState('')
  const [problems, setProblems] = useState<ProblemList>([])
  const [error, setError] = useState<unknown>()
  const tags = names.map((it) => prefix + it)
  const known = new Set(tagLines(settings).map((it) => String(it.line['tag'])))
  const problemOf = (at: number) => {
    if (known.has(tags[at] as string)) return t('addTags.taken')
    return tags.indexOf(tags[at] as string) === at ? undefined : t('addTags.twice')
  }
  const isWrong = tags.some((_, at) => problemOf(at) !== undefined)

  const submit = async () => {
    setError(undefined)
    try {
      const lines = entries.map((it, at) => lineOf(it, tags[at] as string, className, sampling.trim()))
      const title = t('addTags.title', { n: lines.length, source })
      const it = await prepare({ title, edit: (text) => mergeTags(text, source, lines), applied: onAdded })
      setProblems(it.check.problems)
      if (it.check.problems.length > 0) return
      onClose()
      show(it)
    } catch (thrown) {
      setError(thrown)
    }
  }
  return (
    <Dialog
      title={t('addTags.title', { n: entries.length, source })}
      onClose={onClose}
      isWide
      actions={
        <>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
          <Button kind="main" onPress={submit} disabled={isWrong}>
            {t('form.next')}
          </Button>
        </>
      }
    >
      {problems.length > 0 && <Problems problems={problems} />}
      {error !== undefined && <ErrorView error={error} />}
      <div class="fields">
        <TextField label={t('addTags.prefix')} hint={t('addTags.prefixHint')} value={prefix} onInput={setPrefix} />
        <SelectField
          label={t('class')}
          value={className}
          choices={classes.map((it) => ({ value: it, text: it }))}
          onInput={setClass}
        />
        {protocol === 'opcua' && (
          <TextField
            label={t('form.sampling')}
            placeholder={t('form.otherwise', { value: '1s' })}
            value={sampling}
            onInput={setSampling}
          />
        )}
      </div>
      <ul class="named">
        {entries.map((it, at) => (
          <li key={it.node + it.name}>
            <Field label={<code>{it.node}</code>} error={problemOf(at)}>
              {(ties) => (
                <input
                  {...ties}
                  value={names[at]}
                  onInput={(event) => setNames(names.with(at, event.currentTarget.value))}
                  spellcheck={false}
                />
              )}
            </Field>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function lineOf(it: BrowseEntry, tag: string, className: string, sampling: string): Record<string, string | number> {
  const { tag: _tag, ...line } = it.line ?? {}
  const unit = it.unit === undefined || line['unit'] !== undefined ? {} : { unit: it.unit }
  return { tag, ...line, ...unit, ...(sampling !== '' && { sampling }), class: className }
}
