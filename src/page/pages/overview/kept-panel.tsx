import { useEffect, useState } from 'preact/hooks'
import type { Forecast, ForecastClass } from '../../../core/retention.ts'
import type { ClassReport, Status } from '../../../core/status.ts'
import { call } from '../../api/client.ts'
import { bytes, number, percent } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { Card } from '../../parts/card.tsx'
import { Fill } from '../../parts/progress.tsx'
import { Age } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'
import { Headline } from './in-panel.tsx'

const DAY_MS = 86_400_000
const OFFLINE_MS = 90 * DAY_MS
const EVERY_MS = 60_000
const FULL_WARNING = 0.8

export function KeptPanel({ it: { log, classes } }: { readonly it: Status }) {
  const forecast = useForecast()
  const share = log.bytes / log.bytesMax
  const tone = share > FULL_WARNING ? 'problem' : 'ok'
  return (
    <Card title={t('overview.kept')} class="stage">
      <Headline figure={percent(share, share < 0.1 ? 1 : 0)} unit={t('overview.full')} />
      <Fill label={t('overview.fill')} share={share} tone={tone} />
      <p class="quiet under">{t('overview.ofBytes', { bytes: bytes(log.bytes), max: bytes(log.bytesMax) })}</p>
      <p class="under">
        {log.oldest === null ? (
          t('overview.allDelivered')
        ) : (
          <>
            {t('overview.oldest')} <Age micros={log.oldest} />
          </>
        )}
      </p>
      <ul class="lines">
        {classes.map((it) => (
          <li key={it.name}>
            <Line it={it} of={forecast?.classes.find((one) => one.name === it.name)} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Line({ it, of }: { readonly it: ClassReport; readonly of: ForecastClass | undefined }) {
  return (
    <div class="line">
      <span class="line-name">{it.name}</span>
      <span class="kept">
        <span title={t('overview.leftTitle')}>{of ? leftOf(of) : '…'}</span>
        <span class="figure quiet">
          {number(it.stored)} {t('overview.waiting')}
        </span>
      </span>
    </div>
  )
}

/** If nothing were delivered from now on: until something of the class is reduced or given up. */
function leftOf(it: ForecastClass): string {
  const all = [it.fullAtMs, ...it.steps.map((step) => step.atMs)].filter((ms) => ms !== null)
  if (it.waitsAtMs !== null) return t('overview.waitsIn', { time: duration(it.waitsAtMs / 1000) })
  if (all.length === 0) return t('overview.keepsLong', { time: duration(OFFLINE_MS / 1000) })
  return t('overview.keeps', { time: duration(Math.min(...all) / 1000) })
}

function useForecast(): Forecast | undefined {
  const [forecast, set] = useState<Forecast>()
  useEffect(() => {
    const stop = new AbortController()
    // Without an answer the rest of the page stands as well.
    const ask = () => call('forecast', { offlineMs: OFFLINE_MS }, stop.signal).then(set, () => {})
    void ask()
    const timer = window.setInterval(ask, EVERY_MS)
    return () => {
      stop.abort()
      window.clearInterval(timer)
    }
  }, [])
  return forecast
}
