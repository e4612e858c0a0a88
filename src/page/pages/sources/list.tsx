import type { SourceReport } from '../../../core/status.ts'
import { rate } from '../../format/number.ts'
import { Card, PageHead } from '../../parts/card.tsx'
import { Icon } from '../../parts/icon.tsx'
import { SourceBadge } from '../../parts/state-badges.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Age } from '../../parts/time.tsx'
import { may } from '../../state/session.ts'
import { status, statusError } from '../../state/status.ts'
import { Said } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { protocolName } from './protocol-name.ts'
import { pathOf } from './paths.ts'

const columns = (): readonly Column<SourceReport>[] => [
  { key: 'name', title: t('name'), isName: true, cell: (it) => <a href={pathOf(it.name)}>{it.name}</a> },
  { key: 'protocol', title: t('protocol'), cell: (it) => protocolName(it.protocol) },
  { key: 'state', title: t('state'), cell: (it) => <SourceBadge state={it.state} /> },
  { key: 'rate', title: t('perSecond'), isNumber: true, cell: (it) => rate(it.readingsPerSecond) },
  {
    key: 'last',
    title: t('sources.lastReading'),
    isNumber: true,
    cell: (it) => (it.lastReading === null ? '—' : <Age micros={it.lastReading} />),
  },
  { key: 'error', title: t('sources.lastError'), cell: (it) => <LastError it={it} /> },
]

export function List() {
  const sources = status.value?.sources
  return (
    <>
      <PageHead title={t('sources')}>
        {may('admin') && (
          <a class="button main" href="/sources/new">
            <Icon name="plus" /> {t('sources.add')}
          </a>
        )}
      </PageHead>
      {!sources && (statusError.value ? <ErrorView error={statusError.value} /> : <Waiting />)}
      {sources?.length === 0 && <Empty title={t('sources.none')} />}
      {sources !== undefined && sources.length > 0 && (
        <Card>
          <Table caption={t('sources')} columns={columns()} rows={sources} keyOf={(it) => it.name} />
        </Card>
      )}
    </>
  )
}

function LastError({ it }: { readonly it: SourceReport }) {
  if (it.lastError === undefined) return <span class="quiet">—</span>
  return (
    <div class="last-error">
      <Said text={it.lastError} code={it.code} remedy={it.remedy} isPast={it.state === 'up'} />
    </div>
  )
}
