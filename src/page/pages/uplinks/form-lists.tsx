// Links and windows of an uplink as lists of fields.
import type { ComponentChildren } from 'preact'
import { parseTimes } from '../../../core/times.ts'
import { isZone } from '../../../core/zone.ts'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { t } from '../../words/index.ts'
import type { LinkDraft, WindowDraft } from './draft.ts'

interface ListProps<It> {
  readonly title: string
  readonly hint: string
  readonly add: string
  readonly all: readonly It[]
  readonly made: It
  readonly onChange: (all: readonly It[]) => void
  readonly children: (it: It, change: (part: Partial<It>) => void) => ComponentChildren
}

function List<It>({ title, hint, add, all, made, onChange, children }: ListProps<It>) {
  return (
    <fieldset>
      <legend>{title}</legend>
      <p class="hint">{hint}</p>
      <ol class="ladder-steps">
        {all.map((it, at) => (
          <li key={at}>
            <div class="fields">{children(it, (part) => onChange(all.with(at, { ...it, ...part })))}</div>
            <button
              type="button"
              class="plain icon-only"
              aria-label={t('removeNumber', { n: at + 1 })}
              onClick={() => onChange(all.toSpliced(at, 1))}
            >
              <Icon name="trash" />
            </button>
          </li>
        ))}
      </ol>
      <button type="button" onClick={() => onChange([...all, made])}>
        <Icon name="plus" />
        {add}
      </button>
    </fieldset>
  )
}

const NEW_LINK: LinkDraft = { interface: '', classes: 'all', rate: '', budget: '', per: 'month' }

export function LinkFields({
  links,
  onChange,
}: {
  links: readonly LinkDraft[]
  onChange: (links: readonly LinkDraft[]) => void
}) {
  return (
    <List
      title={t('uplinks.links')}
      hint={t('uplinks.linksHint')}
      add={t('uplinks.addLink')}
      all={links}
      made={NEW_LINK}
      onChange={onChange}
    >
      {(it, change) => (
        <>
          <TextField
            label={t('uplinks.interface')}
            value={it.interface}
            placeholder="eth1"
            onInput={(own) => change({ interface: own.trim() })}
          />
          <TextField
            label={t('uplinks.itsClasses')}
            value={it.classes}
            placeholder="all"
            onInput={(classes) => change({ classes })}
          />
          <TextField
            label={t('uplinks.rateMax')}
            value={it.rate}
            placeholder="20kB"
            onInput={(own) => change({ rate: own.trim() })}
          />
          <TextField
            label={t('uplinks.budgetBytes')}
            value={it.budget}
            placeholder="500MB"
            onInput={(own) => change({ budget: own.trim() })}
          />
          {it.budget !== '' && (
            <SelectField
              label={t('uplinks.budgetPer')}
              value={it.per}
              choices={(['day', 'week', 'month'] as const).map((value) => ({ value, text: t(`per.${value}`) }))}
              onInput={(own) => change({ per: own as LinkDraft['per'] })}
            />
          )}
        </>
      )}
    </List>
  )
}

const NEW_WINDOW: WindowDraft = { at: '22:00-06:00', zone: Intl.DateTimeFormat().resolvedOptions().timeZone, classes: 'all' }

interface WindowProps {
  readonly windows: readonly WindowDraft[]
  readonly onChange: (windows: readonly WindowDraft[]) => void
  /** Of an update server: they are for all of it. */
  readonly hint?: string
  readonly hasClasses?: boolean
}

export function WindowFields({ windows, onChange, hint = t('uplinks.windowsHint'), hasClasses = true }: WindowProps) {
  return (
    <List
      title={t('uplinks.windows')}
      hint={hint}
      add={t('uplinks.addWindow')}
      all={windows}
      made={NEW_WINDOW}
      onChange={onChange}
    >
      {(it, change) => (
        <>
          <TextField label={t('uplinks.at')} error={timesError(it.at)} value={it.at} onInput={(at) => change({ at })} />
          <TextField
            label={t('uplinks.zone')}
            error={it.zone === '' || isZone(it.zone) ? undefined : t('uplinks.noZone')}
            value={it.zone}
            placeholder="UTC"
            onInput={(zone) => change({ zone: zone.trim() })}
          />
          {hasClasses && (
            <TextField
              label={t('uplinks.itsClasses')}
              value={it.classes}
              placeholder="all"
              onInput={(classes) => change({ classes })}
            />
          )}
        </>
      )}
    </List>
  )
}

function timesError(at: string): string | undefined {
  const times = parseTimes(at)
  return typeof times === 'string' ? times : undefined
}
