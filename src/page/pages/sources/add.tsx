// A new source: found on the network, or typed in.
import { useState } from 'preact/hooks'
import type { ScanFound } from '../../../core/scan.ts'
import { Card, PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import type { Entry } from '../../settings-text/entries.ts'
import { classNames, entriesOf } from '../../settings-text/entries.ts'
import { t } from '../../words/index.ts'
import { SourceForm } from './form.tsx'
import { PROTOCOLS } from './form-spec.ts'
import { protocolName } from './protocol-name.ts'
import { Scan } from './scan.tsx'

export function Add() {
  return (
    <>
      <p class="crumb">
        <a href="/sources">
          <Icon name="left" /> {t('sources')}
        </a>
      </p>
      <PageHead title={t('sources.add')} />
      <AddSource />
    </>
  )
}

interface Props {
  readonly onApplied?: (name: string) => void
}

/** Also a step of the first run. */
export function AddSource({ onApplied }: Props) {
  const settings = useCall('settings show', {})
  const [entry, setEntry] = useState<Entry>()
  if (settings.error !== undefined) return <ErrorView error={settings.error} retry={settings.again} />
  if (!settings.data) return <Waiting />
  const spec = PROTOCOLS[String(entry?.['protocol'])]
  if (!entry || !spec)
    return <Choose onChoose={setEntry} names={entriesOf(settings.data.text, 'sources').map((it) => String(it['name']))} />
  const more = onApplied ? { onApplied } : {}
  return (
    <>
      <h2 class="over-form">{protocolName(String(entry['protocol']))}</h2>
      <SourceForm
        spec={spec}
        entry={entry}
        classes={classNames(settings.data.text)}
        onCancel={() => setEntry(undefined)}
        {...more}
      />
    </>
  )
}

function Choose({ onChoose, names }: { readonly onChoose: (entry: Entry) => void; readonly names: readonly string[] }) {
  const take = (it: ScanFound) => onChoose({ name: freeName(it, names), protocol: it.protocol, ...it.entry })
  return (
    <div class="cards">
      <Scan onChoose={take} />
      <Card title={t('sources.typeIn')}>
        <ul class="choose">
          {Object.keys(PROTOCOLS).map((it) => (
            <li key={it}>
              <button type="button" onClick={() => onChoose({ protocol: it, ...(it === 'files' && { format: 'csv' }) })}>
                {protocolName(it)}
                <Icon name="right" />
              </button>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  )
}

/** Out of the address, with a number behind it where it is taken. */
function freeName({ address, protocol }: ScanFound, names: readonly string[]): string {
  const base = `${protocol}-${address.replaceAll(/[^A-Za-z0-9]+/g, '-')}`.toLowerCase().replaceAll(/^-+|-+$/g, '')
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`
    if (!names.includes(name)) return name
  }
}
