// One interface: what it has and what the settings say, line by line.
import type { RadioNow } from '../../../core/host.ts'
import { percent } from '../../format/number.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { Table } from '../../parts/table.tsx'
import { t, tOf } from '../../words/index.ts'
import type { PortView } from './views.ts'
import { differs, hasOwnValue } from './views.ts'

interface Props {
  readonly view: PortView
  /** Undefined: not now, or not by this person. */
  readonly edit: (() => void) | undefined
}

interface Line {
  readonly key: 'address' | 'gateway' | 'dns' | 'open' | 'ssid' | 'apn'
  readonly now: string
  readonly said: string
}

export function PortCard({ view, edit }: Props) {
  const { name, now, standing, said } = view
  const zone = said?.zone || standing?.zone
  const lines: readonly Line[] = [
    { key: 'address', now: now?.addresses.join(', ') ?? '', said: said?.address ?? '' },
    { key: 'gateway', now: now?.gateway ?? '', said: said?.gateway ?? '' },
    { key: 'dns', now: standing?.dns?.join(', ') ?? '', said: said?.dns ?? '' },
    { key: 'open', now: standing?.open?.join(', ') ?? '', said: said?.open ?? '' },
    ...(['ssid', 'apn'] as const).map((key) => ({ key, now: '', said: said?.[key] ?? '' })),
  ]
  const shown = lines.filter((it) => it.key === 'address' || it.now + it.said !== '')
  const columns = [
    { key: 'what', title: '', cell: (it: Line) => t(`network.${it.key}`), isName: true },
    { key: 'now', title: t('network.now'), cell: (it: Line) => <Value text={it.now} /> },
    { key: 'said', title: t('network.said'), cell: (it: Line) => <Value text={it.said} /> },
  ]
  return (
    <Card
      title={
        <>
          {name} <LinkBadge view={view} />
        </>
      }
      actions={
        edit && (
          <button type="button" aria-label={t('network.changeOf', { name })} onClick={edit}>
            {t('edit')}
          </button>
        )
      }
    >
      <p class="quiet">
        {zone ? t('network.zoneOf', { zone: tOf(`network.zone.${zone}`) ?? zone }) : t('network.noZone')}
        {now && now.mac !== '' && (
          <>
            {' · MAC '}
            <code>{now.mac}</code>
          </>
        )}
      </p>
      {now?.radio && <Radio radio={now.radio} />}
      <Table caption={name} columns={columns} rows={shown} keyOf={(it) => it.key} />
      <Notes view={view} />
    </Card>
  )
}

function Radio({ radio: { kind, state, network, signal } }: { readonly radio: RadioNow }) {
  const facts = [
    network,
    state && (tOf(`network.modem.${state}`) ?? state),
    signal !== null && t('network.signal', { part: percent(signal) }),
  ]
  return (
    <p>
      {t(`network.${kind}`)}
      {facts.filter(Boolean).map((it) => ` · ${it}`)}
    </p>
  )
}

function Value({ text }: { readonly text: string }) {
  if (text === '') return <span class="quiet">—</span>
  return text === 'dhcp' ? <>{t('network.dhcp')}</> : <code>{text}</code>
}

function LinkBadge({ view: { now } }: { readonly view: PortView }) {
  if (!now) return <Badge tone="problem">{t('network.missing')}</Badge>
  return <Badge tone={now.up ? 'ok' : 'off'}>{t(now.up ? 'network.up' : 'network.down')}</Badge>
}

function Notes({ view }: { readonly view: PortView }) {
  const { now, said } = view
  return (
    <>
      {!now && <p class="quiet">{t('network.missingText')}</p>}
      {differs(view) && (
        <p>
          <Badge tone="attention">{t('network.differs')}</Badge>
        </p>
      )}
      {said && hasOwnValue(said) && <p class="quiet">{t('network.ownValue')}</p>}
      {said && said.ssid + said.apn !== '' && <p class="quiet">{t('network.notInForce')}</p>}
    </>
  )
}
