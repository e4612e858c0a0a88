// What was given up, grouped by class, action and reason; each group opens into its lines.
import { useEffect } from 'preact/hooks'
import type { LedgerLine } from '../../../core/operator.ts'
import { Card } from '../../parts/card.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { number } from '../../format/number.ts'
import { t, tOf } from '../../words/index.ts'
import type { LossGroup } from './bars.ts'
import { groupsOf } from './bars.ts'

const LINES_MAX = 2_000
const LINES_SHOWN_MAX = 100

export function Losses() {
  const ledger = useRows('log ledger', true)
  const ask = () => ledger.start({ limit: LINES_MAX })
  useEffect(() => void ask(), [])
  const groups = groupsOf(ledger.rows)
  return (
    <Card
      title={t('log.given')}
      actions={
        <button type="button" onClick={ask}>
          {t('refresh')}
        </button>
      }
    >
      <p class="quiet">
        {t('log.givenAbout')} <a href="/about/manual/words">{t('log.words')}</a>
      </p>
      {ledger.error !== undefined && <ErrorView error={ledger.error} retry={ask} />}
      {ledger.isRunning && groups.length === 0 && <Waiting />}
      {!ledger.isRunning && ledger.error === undefined && groups.length === 0 && <Empty title={t('log.nothingGiven')} />}
      <ul class="lines">
        {groups.map((it) => (
          <li key={`${it.class} ${it.action} ${it.reason}`}>
            <Group group={it} />
          </li>
        ))}
      </ul>
      {ledger.rows.length === LINES_MAX && <p class="quiet">{t('log.youngest', { n: LINES_MAX })}</p>}
    </Card>
  )
}

function Group({ group }: { readonly group: LossGroup }) {
  return (
    <details class="more-of">
      <summary>
        {t('log.group', {
          class: group.class,
          count: number(group.readings, 0),
          action: tOf(`log.action.${group.action}`) ?? group.action,
          reason: group.reason,
        })}
      </summary>
      <p class="quiet">
        <Time micros={group.from} isWithDate /> – <Time micros={group.to} isWithDate />
      </p>
      <Table
        caption={t('log.lines')}
        columns={columns()}
        rows={group.lines.slice(0, LINES_SHOWN_MAX)}
        keyOf={(it) => `${it.epoch}${it.form}${it.from}`}
      />
      {group.lines.length > LINES_SHOWN_MAX && (
        <p class="quiet">{t('log.moreLines', { n: group.lines.length - LINES_SHOWN_MAX })}</p>
      )}
    </details>
  )
}

function columns(): Column<LedgerLine>[] {
  return [
    { key: 'at', title: t('log.when'), isName: true, cell: (it) => <Time micros={it.at} isWithDate /> },
    { key: 'count', title: t('readingsUnit'), isNumber: true, cell: (it) => number(it.count, 0) },
    { key: 'range', title: t('log.sequences'), isNumber: true, cell: (it) => `${number(it.from, 0)} – ${number(it.to, 0)}` },
    { key: 'form', title: t('log.form'), cell: (it) => (it.form === 'raw' ? t('retention.raw') : it.form) },
    {
      key: 'times',
      title: t('log.times'),
      cell: (it) => (
        <>
          <Time micros={it.timeFrom} isWithDate /> – <Time micros={it.timeTo} isWithDate />
        </>
      ),
    },
  ]
}
