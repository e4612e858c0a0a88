import { useState } from 'preact/hooks'
import type { AuditEvent } from '../../../core/access.ts'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'

const STEP = 50
const EVENTS_MAX = 1_000

export function Audit() {
  const [limit, setLimit] = useState(STEP)
  const [words, setWords] = useState('')
  const { data, error, again } = useCall('audit list', { limit })
  const shown = data?.events.filter((it) => textOf(it).includes(words.trim().toLowerCase())) ?? []
  return (
    <Card
      title={t('security.audit')}
      actions={
        <button type="button" onClick={again}>
          {t('refresh')}
        </button>
      }
    >
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      <TextField label={t('security.filter')} type="search" value={words} onInput={setWords} />
      {data && shown.length === 0 && <Empty title={t('security.noEvents')} />}
      {shown.length > 0 && (
        <Table caption={t('security.audit')} columns={columns()} rows={shown} keyOf={(it) => String(it.position)} />
      )}
      {data && data.events.length >= limit && limit < EVENTS_MAX && (
        <button type="button" onClick={() => setLimit(Math.min(EVENTS_MAX, limit + STEP * 4))}>
          {t('security.more')}
        </button>
      )}
      {data !== undefined && data.cut > 0 && <p class="quiet">{t('security.cut', { n: data.cut })}</p>}
    </Card>
  )
}

const textOf = ({ what, by, address, detail }: AuditEvent) =>
  [what, by, address, ...Object.entries(detail).flat()].join(' ').toLowerCase()

/** A revision is known by its first digits. */
const shortened = (value: string) => (/^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value)

function columns(): Column<AuditEvent>[] {
  return [
    { key: 'at', title: t('log.time'), isName: true, cell: (it) => <Time micros={it.at} isWithDate /> },
    { key: 'what', title: t('security.what'), cell: (it) => it.what },
    { key: 'by', title: t('security.who'), cell: (it) => it.by },
    { key: 'address', title: t('security.address'), cell: (it) => <code>{it.address}</code> },
    {
      key: 'detail',
      title: t('security.detail'),
      cell: (it) =>
        Object.entries(it.detail)
          .map(([key, value]) => `${key}: ${shortened(value)}`)
          .join(', '),
    },
  ]
}
