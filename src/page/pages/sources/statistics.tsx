// What a source counts, and what it tells of its far end.
import { Fragment } from 'preact'
import type { SourceReport } from '../../../core/status.ts'
import { number } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { t, tOf } from '../../words/index.ts'

export function Statistics({ it }: { readonly it: SourceReport }) {
  const notes = Object.entries(it.notes ?? {}).filter(([, count]) => count > 0)
  return (
    <Card title={t('sources.statistics')}>
      <dl class="pairs">
        <dt>{t('sources.readings')}</dt>
        <dd>{number(it.readings)}</dd>
        {it.withheld !== undefined && (
          <>
            <dt>{t('sources.withheld')}</dt>
            <dd>{number(it.withheld)}</dd>
          </>
        )}
        {notes.map(([reason, count]) => (
          <Fragment key={reason}>
            <dt>
              <Badge tone="attention">{t('sources.noted', { reason })}</Badge>
            </dt>
            <dd>{number(count)}</dd>
          </Fragment>
        ))}
        {Object.entries(it.details ?? {}).map(([key, value]) => (
          <Fragment key={key}>
            {/* What a later agent tells has no word here yet. */}
            <dt>{tOf(`sources.detail.${key}`) ?? key}</dt>
            {/* As it stands: a port or a baud rate is a name rather than a number. */}
            <dd>{detailText(key, value)}</dd>
          </Fragment>
        ))}
      </dl>
      {notes.length > 0 && (
        <p>
          <a href="/about/manual/words#notes-of-sources">{t('log.words')}</a>
        </p>
      )}
    </Card>
  )
}

function detailText(key: string, value: string | number): string {
  return key.endsWith('Ms') && typeof value === 'number' ? duration(value / 1_000) : String(value)
}
