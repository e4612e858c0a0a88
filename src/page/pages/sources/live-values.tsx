import type { LiveValue } from '../../../core/operator.ts'
import { Card } from '../../parts/card.tsx'
import { useLive, useTagList } from '../../parts/live.ts'
import { Empty, ErrorView } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Age, Time } from '../../parts/time.tsx'
import { QualityBadge, ValueView } from '../../parts/value.tsx'
import { t } from '../../words/index.ts'

const SHOWN_MAX = 50

const columns = (): readonly Column<LiveValue>[] => [
  { key: 'tag', title: t('tag'), isName: true, cell: (it) => it.tag },
  { key: 'value', title: t('value'), isNumber: true, cell: (it) => <ValueView value={it.value} unit={it.unit} quality="good" /> },
  { key: 'quality', title: t('quality'), cell: (it) => <QualityBadge quality={it.quality} /> },
  { key: 'time', title: t('sourceTime'), isNumber: true, cell: (it) => <Time micros={it.time} /> },
  { key: 'age', title: t('age'), isNumber: true, cell: (it) => <Age micros={it.time} /> },
]

export function LiveValues({ source }: { readonly source: string }) {
  const list = useTagList()
  const own = list.values.filter((it) => it.source === source)
  const shown = own.slice(0, SHOWN_MAX)
  const live = useLive(shown.map((it) => it.tag))
  const error = list.error ?? live.error
  return (
    <Card title={t('sources.liveValues')}>
      {error !== undefined && <ErrorView error={error} />}
      {own.length === 0 && error === undefined && <Empty title={t('sources.noValues')} />}
      {own.length > 0 && (
        <Table
          class="dense"
          caption={t('sources.liveValues')}
          columns={columns()}
          rows={shown.map((it) => live.values.get(it.tag) ?? it)}
          keyOf={(it) => it.tag}
        />
      )}
      {own.length > SHOWN_MAX && (
        <p>
          <a href={`/tags?source=${encodeURIComponent(source)}`}>{t('sources.allTags', { n: own.length })}</a>
        </p>
      )}
    </Card>
  )
}
