// "Offline for so long: this is what is left", as numbers, before and after a change.
import { Card } from '../../parts/card.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Badge } from '../../parts/badge.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { bytes, number, percent } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { t } from '../../words/index.ts'
import { nearestStop } from './ladder.ts'
import type { LeftNow } from './use-left.ts'
import type { Left } from './what-if.ts'
import { ASKED_MS, leftAt } from './what-if.ts'
import { ShareSlider } from './share-slider.tsx'

interface Props {
  readonly spanMs: number
  readonly outageMs: number
  readonly onOutage: (ms: number) => void
  readonly left: LeftNow
  readonly isChanged: boolean
}

interface Row {
  readonly name: string
  readonly now: Left | undefined
  readonly after: Left | undefined
}

export function Outages({ spanMs, outageMs, onOutage, left, isChanged }: Props) {
  const { now, after, error, forecast } = left
  const rows = (now ?? []).map(({ name, left: own }) => ({
    name,
    now: leftAt(own, outageMs),
    after: leftAt(after?.find((it) => it.name === name)?.left ?? [], outageMs),
  }))
  return (
    <Card title={t('retention.outage', { time: duration(outageMs / 1000) })} class="outages">
      <div class="actions choices-row" role="group" aria-label={t('retention.outageLength')}>
        {ASKED_MS.map((it) => (
          <button key={it} type="button" aria-pressed={it === outageMs} onClick={() => onOutage(it)}>
            {duration(it / 1000)}
          </button>
        ))}
      </div>
      <div class="timeline outage-line">
        <ShareSlider
          label={t('retention.outageLength')}
          ms={outageMs}
          spanMs={spanMs}
          onMove={(ms) => onOutage(nearestStop(ms))}
        />
      </div>
      {error !== undefined && <ErrorView error={error} />}
      {now ? (
        <Table caption={t('retention.left')} columns={columns(isChanged)} rows={rows} keyOf={(it) => it.name} />
      ) : (
        <Waiting text={t('retention.asking')} />
      )}
      {forecast && <Room forecast={forecast} />}
    </Card>
  )
}

function columns(isChanged: boolean): Column<Row>[] {
  const one = (key: 'raw' | 'aggregated' | 'lost'): Column<Row> => ({
    key,
    title: t(`retention.${key}`),
    isNumber: true,
    cell: (it) => <Share kind={key} now={it.now} after={isChanged ? it.after : undefined} />,
  })
  return [
    { key: 'name', title: t('class'), isName: true, cell: (it) => it.name },
    one('raw'),
    one('aggregated'),
    one('lost'),
    {
      key: 'readings',
      title: t('retention.inHand'),
      isNumber: true,
      cell: ({ now, after }) => number((after ?? now)?.readings ?? 0, 0),
    },
    { key: 'bytes', title: t('retention.takes'), isNumber: true, cell: ({ now, after }) => bytes((after ?? now)?.bytes ?? 0) },
  ]
}

/** A hundredth of a percent still counts: what is lost at all never reads as nothing. */
function shareText(share: number): string {
  if (share > 0 && share < 0.0001) return `< ${percent(0.0001, 2)}`
  if (share < 1 && share > 0.9999) return `> ${percent(0.9999, 2)}`
  return percent(share, share > 0.1 && share < 0.9 ? 0 : 2)
}

function Share({ kind, now, after }: { kind: 'raw' | 'aggregated' | 'lost'; now: Left | undefined; after: Left | undefined }) {
  if (!now || (now.readings === 0 && (after?.readings ?? 0) === 0)) return <>—</>
  const before = shareText(now[kind])
  const then = after && shareText(after[kind])
  if (then === undefined || then === before) return <span class={`left ${kind}`}>{before}</span>
  return (
    <span class={`left ${kind}`}>
      <del>
        <span class="unseen">{t('diff.old')}: </span>
        {before}
      </del>{' '}
      <ins>
        <span class="unseen">{t('diff.new')}: </span>
        {then}
      </ins>
    </span>
  )
}

function Room({ forecast }: { readonly forecast: NonNullable<LeftNow['forecast']> }) {
  const { fullAtMs, flashYears, blockBytesMax, classes } = forecast
  const waits = classes.filter((it) => it.waitsAtMs !== null)
  return (
    <>
      <p>
        {fullAtMs === null
          ? t('retention.roomEnough', { time: duration(forecast.offlineMs / 1000), bytes: bytes(blockBytesMax) })
          : t('retention.roomEnds', { time: duration(fullAtMs / 1000), bytes: bytes(blockBytesMax) })}
        {flashYears !== null && ` ${t('retention.flash', { years: number(flashYears, 1) })}`}
      </p>
      {waits.map((it) => (
        <p key={it.name}>
          <Badge tone="attention">{t('heed')}</Badge>{' '}
          {t('retention.waits', { name: it.name, time: duration((it.waitsAtMs ?? 0) / 1000) })}
        </p>
      ))}
    </>
  )
}
