// The form of a source: fields of its protocol with what is wrong beside each, then the difference.
import { useLocation } from 'preact-iso'
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { ownSecrets } from '../../parts/own-secret.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { AreaField } from '../../parts/area-field.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView } from '../../parts/states.tsx'
import type { Entry } from '../../settings-text/entries.ts'
import { putEntry } from '../../settings-text/entries.ts'
import { NO_PROBLEMS, otherProblems, problemAt, problemsOf } from '../../settings-text/problems.ts'
import { isVar } from '../../settings-text/scalar.ts'
import { prepare, show } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'
import type { Draft } from './draft.ts'
import { draftOf, entryFrom, isOut, isSecret, isThere } from './draft.ts'
import type { FieldSpec, ProtocolSpec } from './form-spec.ts'
import { LinesEditor } from './lines-editor.tsx'
import { pathOf } from './paths.ts'

interface Props {
  readonly spec: ProtocolSpec
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
  const change = (key: string, value: string) => set((it) => ({ ...it, values: { ...it.values, [key]: value } }))

  const submit = () =>
    attempt(async () => {
      const given = draft.name.trim()
      const made = entryFrom(draft, spec, entry, await storeSecrets(draft, spec, name))
      const applied = () => (onApplied ? onApplied(given) : route(pathOf(given)))
      const title = t(isNew ? 'sources.addTitle' : 'sources.editTitle', { name: given })
      const it = await prepare({ title, edit: (text) => putEntry(text, 'sources', name, made), applied })
      setFound(problemsOf(it, 'sources', given))
      if (it.check.problems.length === 0) show(it)
    })

  const problemOf = (key: string) => problemAt(found, key)
  const others = otherProblems(found, [...spec.fields.map((it) => it.key), 'name', ...(spec.lines ? [spec.lines.key] : [])])
  const asked = spec.fields.filter((it) => !isOut(it, draft))
  const [main, more] = [asked.filter((it) => !it.isMore), asked.filter((it) => it.isMore)]
  const field = (it: FieldSpec) => (
    <Field
      key={it.key}
      spec={it}
      draft={draft}
      error={problemOf(it.key)}
      isStored={isSecret(it) && isThere(entry, it)}
      classes={classes}
      onInput={(value) =>
        isSecret(it) ? set({ ...draft, secrets: { ...draft.secrets, [it.key]: value } }) : change(it.key, value)
      }
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
function withClass(draft: Draft, fields: ProtocolSpec['fields'], classes: readonly string[]): Draft {
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

/** Into the box's store, apart from the settings, under the source's name; the settings name them. */
async function storeSecrets(draft: Draft, { fields }: ProtocolSpec, before: string | undefined): Promise<Record<string, string>> {
  const names: Record<string, string> = {}
  const typed = fields.filter((it) => (draft.secrets[it.key] ?? '') !== '' && !isOut(it, draft))
  if (typed.length === 0) return names
  const ownName = await ownSecrets('sources', before)
  for (const { key, kind } of typed) {
    const secret = ownName(kind === 'secret-pem' ? `${draft.name.trim()}-key` : draft.name.trim())
    await call('secrets set', { name: secret, text: draft.secrets[key] ?? '' })
    names[key] = secret
  }
  return names
}

interface FieldProps {
  readonly spec: FieldSpec
  readonly draft: Draft
  readonly error: string | undefined
  readonly isStored: boolean
  readonly classes: readonly string[]
  readonly onInput: (value: string) => void
}

function Field({ spec, draft, error, isStored, classes, onInput }: FieldProps) {
  const value = draft.values[spec.key] ?? ''
  const hint = isVar(value) ? t('form.ownValue') : spec.hint && t(spec.hint)
  const usual = spec.otherwise === undefined ? undefined : t('form.otherwise', { value: spec.otherwise })
  if (spec.kind === 'select' || spec.kind === 'class') {
    const known = spec.kind === 'class' ? ['', ...classes] : (spec.choices ?? [])
    const listed = isVar(value) ? [value, ...known] : known
    const choices = listed.map((it) => ({ value: it, text: it === '' ? (usual ?? '—') : it }))
    return <SelectField label={t(spec.label)} value={value} choices={choices} hint={hint} error={error} onInput={onInput} />
  }
  if (spec.kind === 'pem') return <AreaField label={t(spec.label)} value={value} hint={hint} error={error} onInput={onInput} />
  if (isSecret(spec)) {
    const text = draft.secrets[spec.key] ?? ''
    const about = t(isStored ? 'form.secretStays' : 'form.secretHint')
    if (spec.kind === 'secret-pem')
      return <AreaField label={t(spec.label)} value={text} hint={about} error={error} onInput={onInput} isSecret />
    return (
      <TextField
        label={t(spec.label)}
        type="password"
        autocomplete="new-password"
        value={text}
        hint={about}
        error={error}
        onInput={onInput}
      />
    )
  }
  const numeric = spec.kind === 'number' ? ({ inputMode: 'numeric' } as const) : {}
  const placeholder = usual === undefined ? {} : { placeholder: usual }
  return (
    <TextField label={t(spec.label)} value={value} hint={hint} error={error} onInput={onInput} {...numeric} {...placeholder} />
  )
}
