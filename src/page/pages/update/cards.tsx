// What the pages of updates and of the fleet both show.
import type { UpdateStatus } from '../../../core/update.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { SaidLine } from '../../parts/said.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'

export const AWAY = 'updater-unreachable'

/** Everywhere but on a box that an image was written to; there for a moment, while it starts again. */
export function NoUpdater() {
  return (
    <div class="notice" role="status">
      <p>
        <Badge tone="info">{t('update.away')}</Badge> {t('update.awayText')}
      </p>
      <p class="remedy">{t('update.awayRemedy')}</p>
      <p class="actions">
        <a href={`/about/manual?code=${AWAY}`}>
          <code>{AWAY}</code>
        </a>
      </p>
    </div>
  )
}

export function Last({ last }: { last: NonNullable<UpdateStatus['last']> }) {
  const tone = last.outcome === 'good' ? 'ok' : last.outcome === 'canceled' ? 'off' : 'problem'
  return (
    <Card title={t('update.last')}>
      <p>
        <Badge tone={tone}>{t(`update.outcome.${last.outcome}`)}</Badge> {last.version ?? ''} <Time micros={last.at} isWithDate />
      </p>
      <p>
        <SaidLine text={last.text} />
      </p>
    </Card>
  )
}
