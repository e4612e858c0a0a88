import type { LiveValue } from '../../../core/operator.ts'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Age, Time } from '../../parts/time.tsx'
import { QualityBadge, ValueView } from '../../parts/value.tsx'
import { t } from '../../words/index.ts'
import type { GridRow } from './grid-rows.ts'
import { isPattern } from './grid-rows.ts'

interface Props {
  readonly rows: readonly GridRow[]
  readonly live: ReadonlyMap<string, LiveValue>
  readonly picked: ReadonlySet<string>
  readonly onPick: (picked: ReadonlySet<string>) => void
  readonly isEditable: boolean
}

/** A row by its source and tag. */
export const rowKey = (it: GridRow) => `${it.source}\n${it.tag}`

export function Grid({ rows, live, picked, onPick, isEditable }: Props) {
  const toggle = (it: GridRow) => {
    const next = new Set(picked)
    if (!next.delete(rowKey(it))) next.add(rowKey(it))
    onPick(next)
  }
  const areAll = rows.every((it) => picked.has(rowKey(it)))
  const toggleAll = () => {
    const next = new Set(picked)
    for (const it of rows) {
      if (areAll) next.delete(rowKey(it))
      else next.add(rowKey(it))
    }
    onPick(next)
  }
  const of = (it: GridRow) => live.get(it.tag) ?? it.live
  const pick: Column<GridRow> = {
    key: 'pick',
    title: (
      <label class="check">
        <input type="checkbox" checked={areAll} onChange={toggleAll} aria-label={t('tags.pickAll')} />
      </label>
    ),
    cell: (it) => (
      <label class="check">
        <input
          type="checkbox"
          checked={picked.has(rowKey(it))}
          onChange={() => toggle(it)}
          aria-label={`${t('tags.pick')} ${it.tag}`}
        />
      </label>
    ),
  }
  const columns: readonly Column<GridRow>[] = [
    ...(isEditable ? [pick] : []),
    { key: 'tag', title: t('tag'), isName: true, cell: (it) => <Name it={it} /> },
    { key: 'value', title: t('value'), isNumber: true, cell: (it) => <Value it={of(it)} /> },
    { key: 'quality', title: t('quality'), cell: (it) => <Quality it={of(it)} /> },
    { key: 'time', title: t('sourceTime'), isNumber: true, cell: (it) => <At it={of(it)} /> },
    { key: 'age', title: t('age'), isNumber: true, cell: (it) => <Old it={of(it)} /> },
    { key: 'class', title: t('class'), cell: (it) => it.class },
    { key: 'source', title: t('tags.source'), cell: (it) => it.source },
  ]
  return <Table class="grid dense" caption={t('tags')} columns={columns} rows={rows} keyOf={rowKey} />
}

type OfLive = { readonly it: LiveValue | undefined }

function Name({ it }: { readonly it: GridRow }) {
  if (!it.line || !isPattern(it.line)) return <>{it.tag}</>
  const pattern = String(it.line.line['tag'])
  return (
    <>
      {it.tag}
      {pattern !== it.tag && <span class="quiet pattern"> {t('tags.ofLine', { tag: pattern })}</span>}
    </>
  )
}

const Value = ({ it }: OfLive) =>
  it ? <ValueView value={it.value} unit={it.unit} quality="good" /> : <span class="quiet">—</span>
const Quality = ({ it }: OfLive) => (it ? <QualityBadge quality={it.quality} /> : <span class="quiet">{t('tags.noValue')}</span>)
const At = ({ it }: OfLive) => (it ? <Time micros={it.time} /> : <span class="quiet">—</span>)
const Old = ({ it }: OfLive) => (it ? <Age micros={it.time} /> : <span class="quiet">—</span>)
