// A notifier as a form. What it makes of the settings is shown as a difference before anything happens.
import { useState } from 'preact/hooks'
import type { Draft } from '../../entry-form/draft.ts'
import { draftOf, entryFrom, isOut, isSecret, secretOf } from '../../entry-form/draft.ts'
import { EntryField } from '../../entry-form/field.tsx'
import { storeSecrets } from '../../entry-form/secrets.ts'
import type { FieldSpec } from '../../entry-form/spec.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import type { Entry } from '../../settings-text/entries.ts'
import { classNames, entriesOf, entryOf, putEntry, removeEntry } from '../../settings-text/entries.ts'
import { takenName } from '../../entry-form/taken-name.ts'
import type { FoundProblems } from '../../settings-text/problems.ts'
import { NO_PROBLEMS, otherProblems, problemAt, problemsOf } from '../../settings-text/problems.ts'
import { prepare, show } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'
import type { NotifierKind } from './notifier-spec.ts'
import { kindOf, NOTIFIER_KINDS, notifierSpec } from './notifier-spec.ts'

interface Props {
  /** Undefined: a new one. */
  readonly name: string | undefined
  readonly onClose: () => void
}

export function NotifierForm({ name, onClose }: Props) {
  const { data, error } = useCall('settings show', {})
  const entry = data && (name === undefined ? {} : entryOf(data.text, 'notify', name))
  if (data && entry) return <Form name={name} text={data.text} entry={entry} onClose={onClose} />
  return (
    <ActionDialog
      title={name ?? t('notify.add')}
      onClose={onClose}
      action={{ text: t('showDifference'), work: () => {}, disabled: true }}
      isWide
    >
      {error === undefined && !data ? <Waiting /> : <ErrorView error={error ?? t('notify.gone')} />}
    </ActionDialog>
  )
}

function Form({ name, text, entry, onClose }: Props & { readonly text: string; readonly entry: Entry }) {
  const isNew = name === undefined
  const [kind, setKind] = useState<NotifierKind>(kindOf(entry))
  const spec = notifierSpec(kind)
  const [draft, set] = useState<Draft>(() => draftOf(entry, spec, isNew))
  const [found, setFound] = useState<FoundProblems>(NO_PROBLEMS)
  const known = { classes: classNames(text), rules: entriesOf(text, 'rules').map((it) => String(it['name'])) }

  const next = async () => {
    const given = draft.name.trim()
    const taken = await takenName('notify', name, given)
    if (taken) return setFound(taken)
    // Where one is stored already, under its name; sources have names of their own.
    const secretName = ({ key }: FieldSpec) => secretOf(entry, key) || `notify-${given}-${key.split('.').at(-1)}`
    const made = entryFrom(draft, spec, entry, await storeSecrets(draft, spec, { list: 'notify', name }, secretName))
    const title = t('notify.change', { name: given })
    const it = await prepare({ title, edit: (now) => putEntry(now, 'notify', name, made) })
    setFound(problemsOf(it, 'notify', given))
    if (it.check.problems.length > 0) return
    onClose()
    show(it)
  }
  const remove = async (gone: string) => {
    const it = await prepare({ title: t('removeName', { name: gone }), edit: (now) => removeEntry(now, 'notify', gone) })
    onClose()
    show(it)
  }
  return (
    <ActionDialog
      title={name ?? t('notify.add')}
      onClose={onClose}
      action={{ text: t('showDifference'), work: next }}
      other={isNew ? undefined : { text: t('remove'), kind: 'danger', work: () => remove(name) }}
      isWide
    >
      <OtherProblems found={found} fields={spec.fields.filter((it) => !isOut(it, draft))} />
      {isNew && (
        <div class="fields">
          <TextField
            label={t('name')}
            value={draft.name}
            error={problemAt(found, 'name')}
            onInput={(it) => set({ ...draft, name: it.trim() })}
          />
          <SelectField
            label={t('notify.kind')}
            value={kind}
            choices={NOTIFIER_KINDS.map((value) => ({ value, text: t(`notify.kind.${value}`) }))}
            onInput={(it) => setKind(it as NotifierKind)}
          />
        </div>
      )}
      <Fields fields={spec.fields} draft={draft} set={set} found={found} entry={entry} known={known} />
    </ActionDialog>
  )
}

function OtherProblems({ found, fields }: { readonly found: FoundProblems; readonly fields: readonly FieldSpec[] }) {
  const others = otherProblems(found, ['name', ...fields.map((it) => it.key)])
  return others.length > 0 ? <Problems problems={others} /> : null
}

interface FieldsProps {
  readonly fields: readonly FieldSpec[]
  readonly draft: Draft
  readonly set: (draft: Draft) => void
  readonly found: FoundProblems
  readonly entry: Entry
  readonly known: { readonly classes: readonly string[]; readonly rules: readonly string[] }
}

function Fields({ fields, draft, set, found, entry, known }: FieldsProps) {
  const asked = fields.filter((it) => !isOut(it, draft))
  const [main, more] = [asked.filter((it) => !it.isMore), asked.filter((it) => it.isMore)]
  const field = (it: FieldSpec) => (
    <EntryField
      key={it.key}
      spec={it}
      draft={draft}
      error={problemAt(found, it.key)}
      isStored={isSecret(it, draft.values) && secretOf(entry, it.key) !== ''}
      known={known}
      onChange={(parts) => set({ ...draft, ...parts })}
    />
  )
  return (
    <>
      <div class="fields">{main.map(field)}</div>
      <details class="more" open={more.some((it) => problemAt(found, it.key) !== undefined)}>
        <summary>{t('form.more')}</summary>
        <div class="fields">{more.map(field)}</div>
      </details>
    </>
  )
}
