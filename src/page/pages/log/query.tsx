// What readings were: a tag, a range, a chart; the same as a table and as CSV.
import { useMemo, useState } from 'preact/hooks'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { number } from '../../format/number.ts'
import { say } from '../../parts/toast.tsx'
import type { WordKey } from '../../words/index.ts'
import { t } from '../../words/index.ts'
import { save } from '../../parts/save.ts'
import { Chart } from './chart.tsx'
import type { Series } from './series.ts'
import { csvOf, seriesOf } from './series.ts'

const HOUR_US = 3_600_000_000
const RANGES = [1, 6, 24, 7 * 24, 30 * 24] as const
const POINTS = 800
const SERIES_MAX = 8
const ROWS_MAX = POINTS * SERIES_MAX
/** Raw rows of one file: what a browser holds without trouble. */
const CSV_ROWS_MAX = 200_000

export function Query() {
  const [tag, setTag] = useState('')
  const [hours, setHours] = useState(String(RANGES[0]))
  const answer = useRows('query', true)
  const raw = useRows('query', true)
  const range = () => {
    const to = Date.now() * 1_000
    return { from: to - Number(hours) * HOUR_US, to }
  }
  const ask = () => answer.start({ tag: tag.trim(), ...range(), points: POINTS, limit: ROWS_MAX })
  const download = async () => {
    const rows = await raw.start({ tag: tag.trim(), ...range(), limit: CSV_ROWS_MAX })
    // A part of an answer would pass for all of it.
    if (rows === undefined) return
    if (rows.length === 0) say(t('log.noReadings'))
    else save(`${tag.trim().replaceAll(/[^\w.-]+/g, '_')}.csv`, csvOf(rows), 'text/csv')
  }
  const all = useMemo(() => seriesOf(answer.rows), [answer.rows])
  return (
    <Card title={t('log.query')}>
      <form
        class="query-form"
        onSubmit={(event) => {
          event.preventDefault()
          void ask()
        }}
      >
        <TextField label={t('log.tag')} hint={t('log.tagHint')} value={tag} onInput={setTag} placeholder="hall-1/*" />
        <SelectField
          label={t('log.range')}
          value={hours}
          choices={RANGES.map((it) => ({ value: String(it), text: t(`log.hours.${it}` as WordKey) }))}
          onInput={setHours}
        />
        <div class="actions">
          <Button kind="main" type="submit" onPress={() => {}} disabled={tag.trim() === ''}>
            {t('log.show')}
          </Button>
          <Button onPress={download} disabled={tag.trim() === ''}>
            <Icon name="download" />
            CSV
          </Button>
        </div>
      </form>
      {answer.isRunning && <Waiting />}
      {[answer.error, raw.error].map((it) => it !== undefined && <ErrorView key={String(it)} error={it} />)}
      {raw.rows.length === CSV_ROWS_MAX && !raw.isRunning && (
        <p class="notice">{t('log.csvCut', { n: number(CSV_ROWS_MAX, 0) })}</p>
      )}
      <Answer all={all} isAnswered={answer.isAnswered} />
    </Card>
  )
}

function Answer({ all, isAnswered }: { readonly all: readonly Series[]; readonly isAnswered: boolean }) {
  if (!isAnswered) return null
  if (all.length === 0) return <Empty title={t('log.noReadings')}>{t('log.noReadingsText')}</Empty>
  return (
    <>
      {all.slice(0, SERIES_MAX).map((it) => (
        <Chart key={it.tag} series={it} />
      ))}
      {all.length > SERIES_MAX && <p class="quiet">{t('log.moreTags', { n: all.length - SERIES_MAX })}</p>}
    </>
  )
}
