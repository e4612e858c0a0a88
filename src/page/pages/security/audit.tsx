import { useState } from 'preact/hooks'
import type { AuditEvent } from '../../../core/access.ts'
import { AnswerCard } from '../../parts/answer-card.tsx'
import { TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'

const STEP = 50
const EVENTS_MAX = 1_000

export function Audit() {
  const [limit, setLimit] = useState(STEP)
  const [words, setWords] = useState('')
  const asked = useCall('audit list', { limit })
  return (
    <AnswerCard title={t('security.audit')} asked={asked}>
      {({ events, cut }) => {
        const shown = events.filter((it) => textOf(it).includes(words.trim().toLowerCase()))
        return (
          <>
            <TextField label={t('security.filter')} type="search" value={words} onInput={setWords} />
            {shown.length === 0 ? (
              <Empty title={t('security.noEvents')} />
            ) : (
              <Table caption={t('security.audit')} columns={columns()} rows={shown} keyOf={(it) => String(it.position)} />
            )}
            {events.length >= limit && limit < EVENTS_MAX && (
              <button type="button" onClick={() => setLimit(Math.min(EVENTS_MAX, limit + STEP * 4))}>
                {t('security.more')}
              </button>
            )}
            {cut > 0 && <p class="quiet">{t('security.cut', { n: cut })}</p>}
          </>
        )
      }}
    </AnswerCard>
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
