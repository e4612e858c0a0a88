import type { SourceReport, Status } from '../../../core/status.ts'
import { rate } from '../../format/number.ts'
import { Card } from '../../parts/card.tsx'
import { Spark } from '../../parts/spark.tsx'
import { Empty } from '../../parts/states.tsx'
import { SourceBadge } from '../../parts/state-badges.tsx'
import { may } from '../../state/session.ts'
import { trend } from '../../state/trend.ts'
import { t } from '../../words/index.ts'

export function InPanel({ it: { sources } }: { readonly it: Status }) {
  const total = sources.reduce((sum, it) => sum + it.readingsPerSecond, 0)
  return (
    <Card title={t('overview.in')} class="stage">
      <Headline figure={rate(total)} unit={t('perSecond')} />
      <Spark values={trend.value.map((it) => it.in)} label={t('overview.inTrend', { rate: rate(total) })} />
      {sources.length === 0 ? (
        <Empty title={t('sources.none')}>
          {may('admin') && (
            <a class="button main" href="/sources/new">
              {t('sources.add')}
            </a>
          )}
        </Empty>
      ) : (
        <ul class="lines">
          {sources.map((it) => (
            <li key={it.name}>
              <Line it={it} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Line({ it }: { readonly it: SourceReport }) {
  return (
    <a class="line" href={`/sources/${encodeURIComponent(it.name)}`}>
      <span class="line-name">{it.name}</span>
      <SourceBadge state={it.state} />
      <span class="figure">
        {rate(it.readingsPerSecond)} <span class="unit">{t('perSecond')}</span>
      </span>
    </a>
  )
}

export function Headline({ figure, unit }: { readonly figure: string; readonly unit: string }) {
  return (
    <p class="headline">
      <span class="figure">{figure}</span> <span class="unit">{unit}</span>
    </p>
  )
}
