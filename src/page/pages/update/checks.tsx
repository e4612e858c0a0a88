// What has been seen of the version that runs: source by source, uplink by uplink.
import type { HealthCheck } from '../../../core/update.ts'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { t } from '../../words/index.ts'

const TONES: Readonly<Record<HealthCheck['state'], Tone>> = { well: 'ok', excused: 'off', waiting: 'attention' }

export function Checks({ checks }: { readonly checks: readonly HealthCheck[] }) {
  return (
    <Card title={t('update.checks')}>
      <p class="quiet">{t('update.checksText')}</p>
      <ul class="plain">
        {checks.map((it) => (
          <li key={it.what}>
            <Badge tone={TONES[it.state]}>{t(`update.check.${it.state}`)}</Badge> <strong>{it.what}</strong> {it.text}
          </li>
        ))}
      </ul>
    </Card>
  )
}
