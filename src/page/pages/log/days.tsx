// A bar for each day of UTC: what of it is still here, and what was given up.
import { useState } from 'preact/hooks'
import { AnswerCard } from '../../parts/answer-card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty } from '../../parts/states.tsx'
import { bytes, number } from '../../format/number.ts'
import { locale } from '../../state/preferences.ts'
import { t } from '../../words/index.ts'
import type { DayBar } from './bars.ts'
import { daysOf } from './bars.ts'

const DAYS_MAX = 31

export function Days() {
  const asked = useCall('log days', {})
  const [picked, setPicked] = useState<number | undefined>()
  return (
    <AnswerCard title={t('log.days')} asked={asked}>
      {(data) => {
        const days = daysOf(data, DAYS_MAX)
        const shown = days.find((it) => it.day === picked) ?? days.at(-1)
        if (!shown) return <Empty title={t('log.noDays')} />
        return (
          <>
            <Bars days={days} shown={shown} pick={setPicked} />
            <DayText day={shown} />
          </>
        )
      }}
    </AnswerCard>
  )
}

const dayName = (day: number, weekday: 'short' | 'long') =>
  new Date(day / 1_000).toLocaleDateString(locale(), { weekday, day: 'numeric', month: 'short', timeZone: 'UTC' })

function Bars({ days, shown, pick }: { days: readonly DayBar[]; shown: DayBar; pick: (day: number) => void }) {
  const most = days.reduce((max, it) => Math.max(max, it.readings + it.aggregated + it.lost), 1)
  const part = (count: number) => `${(count / most) * 100}%`
  return (
    <>
      <ol class="bars" aria-label={t('log.days')}>
        {days.map((it) => (
          <li key={it.day}>
            <button
              type="button"
              aria-pressed={it === shown}
              aria-label={t('log.dayOf', {
                day: dayName(it.day, 'long'),
                readings: number(it.readings, 0),
                lost: number(it.lost, 0),
              })}
              onClick={() => pick(it.day)}
            >
              <span class="bar-part lost" style={{ height: part(it.lost) }} />
              <span class="bar-part aggregated" style={{ height: part(it.aggregated) }} />
              <span class="bar-part raw" style={{ height: part(it.readings) }} />
            </button>
          </li>
        ))}
      </ol>
      <ul class="legend">
        <li class="raw">{t('log.here')}</li>
        <li class="aggregated">{t('log.aggregated')}</li>
        <li class="lost">{t('log.lost')}</li>
      </ul>
    </>
  )
}

function DayText({ day }: { readonly day: DayBar }) {
  return (
    <p aria-live="polite">
      <strong>{dayName(day.day, 'long')}</strong> (UTC):{' '}
      {day.byClass
        .filter((it) => it.readings > 0)
        .map((it) => t('log.dayClass', { name: it.name, readings: number(it.readings, 0), bytes: bytes(it.bytes) }))
        .join('; ') || t('log.dayNothing')}
      {day.aggregated > 0 && `; ${t('log.dayAggregated', { count: number(day.aggregated, 0) })}`}
      {day.lost > 0 && `; ${t('log.dayLost', { count: number(day.lost, 0) })}`}
    </p>
  )
}
