// The week that was: what was given up of it, and what these rules would have given up without a link.
import { number } from '../../format/number.ts'
import { AnswerCard } from '../../parts/answer-card.tsx'
import { useCall } from '../../parts/hooks.ts'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { t } from '../../words/index.ts'
import type { WeekRow } from './week.ts'
import { weekRows } from './week.ts'
import type { ClassLeft } from './what-if.ts'

interface Props {
  /** By the rules that are looked at. */
  readonly left: readonly ClassLeft[] | undefined
}

export function LastWeek({ left }: Props) {
  const asked = useCall('log days', {})
  return (
    <AnswerCard title={t('retention.week')} asked={asked}>
      {(days) => (
        <>
          <p class="quiet">{t('retention.weekAbout')}</p>
          <Table
            class="counts"
            caption={t('retention.week')}
            columns={columns()}
            rows={weekRows(days, left ?? [], Date.now())}
            keyOf={(it) => it.name}
          />
        </>
      )}
    </AnswerCard>
  )
}

function columns(): Column<WeekRow>[] {
  const count = (key: string, title: string, of: (it: WeekRow) => number | undefined): Column<WeekRow> => ({
    key,
    title,
    isNumber: true,
    cell: (it) => {
      const found = of(it)
      return found === undefined ? '—' : number(found, 0)
    },
  })
  return [
    { key: 'name', title: t('class'), isName: true, cell: (it) => it.name },
    count('known', t('retention.weekKnown'), (it) => it.known),
    count('lost', t('retention.weekLost'), (it) => it.lost),
    count('aggregated', t('retention.weekAggregated'), (it) => it.aggregated),
    count('would-lose', t('retention.weekWouldLose'), (it) => it.would?.lost),
    count('would-aggregate', t('retention.weekWouldAggregate'), (it) => it.would?.aggregated),
  ]
}
