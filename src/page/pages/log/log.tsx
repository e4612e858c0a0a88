// What the box holds, by class and by day; what was given up and why; what the readings were; and whether the files are whole.
import '../../more.css'
import type { ClassReport } from '../../../core/status.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Fill } from '../../parts/progress.tsx'
import { Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Age } from '../../parts/time.tsx'
import { bytes, number, percent } from '../../format/number.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { Check } from './check.tsx'
import { Days } from './days.tsx'
import { Losses } from './losses.tsx'
import { Query } from './query.tsx'

export function Log() {
  return (
    <>
      <PageHead title={t('log')} text={t('log.about')} />
      <Held />
      <Days />
      <Losses />
      <Query />
      <Check />
    </>
  )
}

function Held() {
  const it = status.value
  if (!it) return <Waiting />
  const { log, classes } = it
  const share = log.bytes / log.bytesMax
  return (
    <Card title={t('log.held')}>
      <Fill label={t('log.fill')} share={share} tone={share > 0.9 ? 'problem' : share > 0.75 ? 'attention' : 'ok'} />
      <p>
        {t('log.fillText', { bytes: bytes(log.bytes), max: bytes(log.bytesMax), share: percent(share) })}{' '}
        {log.oldest === null ? (
          t('log.allDelivered')
        ) : (
          <>
            {t('log.oldest')} <Age micros={log.oldest} />
          </>
        )}
      </p>
      <Table class="counts" caption={t('log.held')} columns={columns(log.bytesMax)} rows={classes} keyOf={(own) => own.name} />
    </Card>
  )
}

const lostOf = ({ lost }: ClassReport) => Object.values(lost).reduce((sum, it) => sum + it, 0)

function columns(bytesMax: number): Column<ClassReport>[] {
  const count = (key: string, title: string, of: (it: ClassReport) => number): Column<ClassReport> => ({
    key,
    title,
    isNumber: true,
    cell: (it) => number(of(it), 0),
  })
  return [
    { key: 'name', title: t('class'), isName: true, cell: (it) => it.name },
    {
      key: 'fill',
      title: t('log.size'),
      cell: (it) => (
        <div class="class-fill">
          <Fill label={it.name} share={it.bytes / bytesMax} />
          <span>{bytes(it.bytes)}</span>
        </div>
      ),
    },
    {
      key: 'step',
      title: t('log.step'),
      cell: (it) => (it.step === 'raw' ? t('retention.raw') : <Badge tone="attention">{it.step}</Badge>),
    },
    count('accepted', t('log.accepted'), (it) => it.accepted),
    count('stored', t('log.stored'), (it) => it.stored),
    count('delivered', t('log.delivered'), (it) => it.delivered),
    count('aggregated', t('log.aggregated'), (it) => it.aggregated),
    count('lost', t('log.lost'), lostOf),
  ]
}
