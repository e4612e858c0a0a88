import type { Status, UplinkReport } from '../../../core/status.ts'
import { rate } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { Card } from '../../parts/card.tsx'
import { Spark } from '../../parts/spark.tsx'
import { Empty } from '../../parts/states.tsx'
import { UplinkBadge } from '../../parts/state-badges.tsx'
import { may } from '../../state/session.ts'
import { trend } from '../../state/trend.ts'
import { Said, SaidLine } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { Headline } from './in-panel.tsx'

export function OutPanel({ it: { uplinks } }: { readonly it: Status }) {
  const total = uplinks.reduce((sum, it) => sum + it.readingsPerSecond, 0)
  return (
    <Card title={t('overview.out')} class="stage">
      <Headline figure={rate(total)} unit={t('perSecond')} />
      <Spark values={trend.value.map((it) => it.out)} label={t('overview.outTrend', { rate: rate(total) })} />
      {uplinks.length === 0 ? (
        <Empty title={t('overview.noUplinks')}>
          {may('admin') && (
            <a class="button main" href="/setup">
              {t('overview.setUp')}
            </a>
          )}
        </Empty>
      ) : (
        <ul class="lines">
          {uplinks.map((it) => (
            <li key={it.name}>
              <Uplink it={it} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Uplink({ it }: { readonly it: UplinkReport }) {
  return (
    <>
      <a class="line" href="/uplinks">
        <span class="line-name">{it.name}</span>
        <UplinkBadge state={it.state} />
        <span class="figure">
          {rate(it.readingsPerSecond)} <span class="unit">{t('perSecond')}</span>
        </span>
      </a>
      <dl class="pairs">
        <dt>{t('overview.lag')}</dt>
        <dd>
          {it.lagReadings === 0 ? t('overview.noLag') : t('overview.lagOf', { n: it.lagReadings, time: duration(it.lagSeconds) })}
        </dd>
        <dt>{t('overview.caughtUp')}</dt>
        <dd>{etaOf(it)}</dd>
      </dl>
      {it.wait && (
        <p class="quiet">
          <SaidLine text={it.wait.text} />
        </p>
      )}
      {it.state !== 'up' && it.lastError !== undefined && <Said text={it.lastError} />}
    </>
  )
}

function etaOf(it: UplinkReport): string {
  if (it.lagReadings === 0) return t('overview.isCaughtUp')
  if (it.etaSeconds === null) return t('overview.etaUnknown')
  return it.etaSeconds < 1 ? t('overview.atOnce') : t('overview.in_', { time: duration(it.etaSeconds) })
}
