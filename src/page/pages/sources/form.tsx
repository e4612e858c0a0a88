// The form of a source: fields of its protocol with what is wrong beside each, then the difference.
import { useLocation } from 'preact-iso'
import { useState } from 'preact/hooks'
import type { Draft } from '../../entry-form/draft.ts'
import { draftOf, entryFrom, isOut, isSecret, isThere } from '../../entry-form/draft.ts'
import { EntryField } from '../../entry-form/field.tsx'
import { storeSecrets } from '../../entry-form/secrets.ts'
import type { EntrySpec, FieldSpec } from '../../entry-form/spec.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView } from '../../parts/states.tsx'
import type { Entry } from '../../settings-text/entries.ts'
import { putEntry } from '../../settings-text/entries.ts'
import { takenName } from '../../entry-form/taken-name.ts'
import { NO_PROBLEMS, otherProblems, problemAt, problemsOf } from '../../settings-text/problems.ts'
import { prepare, show } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'
import { LinesEditor } from './lines-editor.tsx'
import { pathOf } from './paths.ts'

interface Props {
  readonly spec: EntrySpec
  readonly entry: Entry
  /** Undefined: it is new. */
  readonly name?: string
  readonly classes: readonly string[]
  readonly onCancel: () => void
  /** Instead of going to the source. */
  readonly onApplied?: (name: string) => void
}

export function SourceForm({ spec, entry, name, classes, onCancel, onApplied }: Props) {
  const { route } = useLocation()
  const isNew = name === undefined
  const [draft, set] = useState<Draft>(() => withClass(draftOf(entry, spec, isNew), isNew ? spec.fields : [], classes))
  const [found, setFound] = useState(NO_PROBLEMS)
  const { error, attempt } = useAttempt()

  const submit = () =>
    attempt(async () => {
      const given = draft.name.trim()
      const taken = await takenName('sources', name, given)
      if (taken) return setFound(taken)
      // Under the source's name.
      const secretNames = await storeSecrets(draft, spec, { list: 'sources', name }, ({ kind }) =>
        kind === 'secret-pem' ? `${given}-key` : given,
      )
      const made = entryFrom(draft, spec, entry, secretNames)
      const applied = () => (onApplied ? onApplied(given) : route(pathOf(given)))
      const title = t(isNew ? 'sources.addTitle' : 'sources.editTitle', { name: given })
      const it = await prepare({ title, edit: (text) => putEntry(text, 'sources', name, made), applied })
      setFound(problemsOf(it, 'sources', given))
      if (it.check.problems.length === 0) show(it)
    })

  const problemOf = (key: string) => problemAt(found, key)
  const asked = spec.fields.filter((it) => !isOut(it, draft))
  const others = otherProblems(found, [...asked.map((it) => it.key), 'name', ...(spec.lines ? [spec.lines.key] : [])])
  const [main, more] = [asked.filter((it) => !it.isMore), asked.filter((it) => it.isMore)]
  const field = (it: FieldSpec) => (
    <EntryField
      key={it.key}
      spec={it}
      draft={draft}
      error={problemOf(it.key)}
      isStored={isSecret(it) && isThere(entry, it)}
      known={{ classes, rules: [] }}
      onChange={(parts) => set({ ...draft, ...parts })}
    />
  )
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <Card>
        {others.length > 0 && <Problems problems={others} />}
        <div class="fields">
          <TextField
            label={t('name')}
            value={draft.name}
            hint={isNew ? t('form.nameHint') : undefined}
            error={problemOf('name')}
            disabled={!isNew}
            onInput={(value) => set(renamed(draft, value))}
          />
          {main.map(field)}
        </div>
        {more.length > 0 && (
          <details class="more" open={more.some((it) => problemOf(it.key) !== undefined)}>
            <summary>{t('form.more')}</summary>
            <div class="fields">{more.map(field)}</div>
          </details>
        )}
      </Card>
      {spec.lines && (isNew || !spec.lines.isOnlyFirst) && (
        <LinesEditor
          spec={spec.lines}
          lines={draft.lines}
          classes={classes}
          problemOf={(index, key) => problemOf(key === undefined ? `${spec.lines?.key}` : `${spec.lines?.key}[${index}].${key}`)}
          onInput={(lines) => set({ ...draft, lines })}
        />
      )}
      {error !== undefined && <ErrorView error={error} />}
      <p class="actions form-end">
        <button type="button" onClick={onCancel}>
          {t('cancel')}
        </button>
        <Button kind="main" onPress={submit}>
          {t('form.next')}
        </Button>
      </p>
    </form>
  )
}

/** `fields`: of a source that is new. */
function withClass(draft: Draft, fields: EntrySpec['fields'], classes: readonly string[]): Draft {
  const usual = classes.find((it) => it === 'process') ?? classes[0] ?? 'default'
  const own = fields.filter((it) => it.kind === 'class' && draft.values[it.key] === undefined).map((it) => [it.key, usual])
  return {
    ...draft,
    values: { ...draft.values, ...Object.fromEntries(own) },
    lines: draft.lines.map((it) => (it['class'] === '' ? { ...it, class: usual } : it)),
  }
}

/** Tags that begin with the name go along while it is typed. */
function renamed(draft: Draft, name: string): Draft {
  const old = `${draft.name || 'source'}/`
  const lines = draft.lines.map((it) =>
    it['tag']?.startsWith(old) ? { ...it, tag: `${name || 'source'}/${it['tag'].slice(old.length)}` } : it,
  )
  return { ...draft, name, lines }
}
