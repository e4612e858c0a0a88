// At a glance: is the box well, what comes in, what is kept, what goes out, and what to do about the rest.
import type { Status } from '../../../core/status.ts'
import { Badge, Shape } from '../../parts/badge.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Age } from '../../parts/time.tsx'
import { HEALTH_TONES, healthOf, status, statusError } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { InPanel } from './in-panel.tsx'
import { Issues } from './issues.tsx'
import { KeptPanel } from './kept-panel.tsx'
import { OutPanel } from './out-panel.tsx'

export function Overview() {
  const it = status.value
  const error = statusError.value
  return (
    <>
      <h1 class="unseen">{t('overview')}</h1>
      {error !== undefined && <ErrorView error={error} />}
      {it ? <Seen it={it} /> : error === undefined && <Waiting />}
    </>
  )
}

function Seen({ it }: { readonly it: Status }) {
  return (
    <>
      <HealthLine it={it} />
      <div class="route">
        <InPanel it={it} />
        <KeptPanel it={it} />
        <OutPanel it={it} />
      </div>
      <Issues it={it} />
    </>
  )
}

function HealthLine({ it }: { readonly it: Status }) {
  const health = healthOf(it, statusError.value)
  const tone = HEALTH_TONES[health]
  return (
    <section class={`health-line ${tone}`} aria-label={t('health')}>
      <Shape tone={tone} />
      <strong>{t(`health.${health}`)}</strong>
      <span class="why">{whyOf(it)}</span>
      <ClockNote it={it} />
    </section>
  )
}

function whyOf({ issues, sources, uplinks }: Status): string {
  const count = (severity: string) => issues.filter((it) => it.severity === severity).length
  const [problems, warnings] = [count('problem'), count('warning')]
  const both = [
    problems > 0 && t('overview.problems', { n: problems }),
    warnings > 0 && t('overview.warnings', { n: warnings }),
  ].filter((it) => it !== false)
  if (both.length > 0) return both.join(', ')
  if (sources.length === 0) return t('overview.noSources')
  return uplinks.length === 0 ? t('overview.noUplinks') : t('overview.allWell')
}

function ClockNote({ it: { clock, startedAt } }: { readonly it: Status }) {
  if (!clock.synchronised) return <Badge tone="attention">{t('overview.clockUnsure')}</Badge>
  return (
    <span class="quiet since">
      {t('overview.runningFor')} <Age micros={startedAt} />
    </span>
  )
}
