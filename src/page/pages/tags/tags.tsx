// All tags: their values as they are now, and their lines of the settings edited many at a time.
import { useLocation } from 'preact-iso'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Card, PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { useLive, useTagList } from '../../parts/live.ts'
import { save } from '../../parts/save.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { tagLines, tagsAsCsv } from '../../settings-text/tags.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { BulkBar } from './bulk-bar.tsx'
import type { Filter } from './filter.tsx'
import { Filters, isShown, NO_FILTER } from './filter.tsx'
import { Grid } from './grid.tsx'
import { gridRows } from './grid-rows.ts'
import { Import } from './import.tsx'

const PAGE_SIZE = 100

export function Tags() {
  const { query } = useLocation()
  const settings = useCall('settings show', {})
  const list = useTagList()
  const [filter, setFilter] = useState<Filter>({ ...NO_FILTER, source: query['source'] ?? '' })
  const [asked, setPage] = useState(0)
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const [pasted, setPasted] = useState<string>()
  const text = settings.data?.text ?? ''
  const lines = useMemo(() => tagLines(text), [text])
  const all = useMemo(() => gridRows(lines, list.values), [lines, list.values])
  const shown = all.filter((it) => isShown(it, filter))
  // Lines that are taken out may have been the last page.
  const page = Math.min(asked, Math.max(0, Math.ceil(shown.length / PAGE_SIZE) - 1))
  const rows = shown.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  const live = useLive(rows.filter((it) => it.live).map((it) => it.tag))
  usePasted(setPasted)
  const redraw = () => {
    settings.again()
    setPicked(new Set())
  }
  const change = (it: Filter) => {
    setFilter(it)
    setPage(0)
  }
  if (settings.error !== undefined) return <ErrorView error={settings.error} retry={settings.again} />
  if (!settings.data || !(list.isThere || list.error !== undefined)) return <Waiting />
  const sources = [...new Set(all.map((it) => it.source))]
  return (
    <>
      <PageHead title={t('tags')} text={t('tags.count', { n: all.length })}>
        <button type="button" onClick={() => save(`${filter.source || 'tags'}.csv`, tagsAsCsv(csvLines()), 'text/csv')}>
          <Icon name="download" /> {t('tags.export')}
        </button>
        {may('admin') && (
          <button type="button" onClick={() => setPasted('')}>
            <Icon name="upload" /> {t('tags.import')}
          </button>
        )}
      </PageHead>
      {list.error !== undefined && <ErrorView error={list.error} />}
      <Card>
        <Filters filter={filter} sources={sources} onInput={change} />
        {rows.length === 0 ? (
          <Empty title={all.length === 0 ? t('tags.none') : t('tags.noneFits')}>
            {all.length === 0 && may('admin') && (
              <a class="button main" href="/sources/new">
                {t('sources.add')}
              </a>
            )}
          </Empty>
        ) : (
          <Grid rows={rows} live={live.values} picked={picked} onPick={setPicked} isEditable={may('admin')} />
        )}
        <Pages page={page} count={Math.ceil(shown.length / PAGE_SIZE)} onTurn={setPage} />
      </Card>
      <BulkBar rows={all} picked={picked} settings={text} onPick={setPicked} onApplied={redraw} />
      {pasted !== undefined && (
        <Import
          given={pasted}
          sources={sources}
          source={filter.source || sources[0] || ''}
          onClose={() => setPasted(undefined)}
          onApplied={redraw}
        />
      )}
    </>
  )

  /** Of the source that is filtered by; else of all, with the source in a column of its own. */
  function csvLines() {
    return filter.source === ''
      ? lines.map((it) => ({ ...it.line, source: it.source }))
      : lines.filter((it) => it.source === filter.source).map((it) => it.line)
  }
}

/** What is pasted anywhere on the page but into a field opens the import, if it has the shape of a table. */
function usePasted(take: (text: string) => void): void {
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData('text/plain') ?? ''
      const isInField = event.target instanceof Element && event.target.closest('input, textarea, select, dialog') !== null
      if (!isInField && may('admin') && /[\t\n;,]/.test(text)) take(text)
    }
    document.addEventListener('paste', onPaste)
    return () => document.removeEventListener('paste', onPaste)
  }, [])
}

function Pages({ page, count, onTurn }: { page: number; count: number; onTurn: (page: number) => void }) {
  if (count <= 1) return null
  return (
    <nav class="actions pages" aria-label={t('tags.pages')}>
      <button type="button" disabled={page === 0} onClick={() => onTurn(page - 1)}>
        <Icon name="left" /> {t('tags.before')}
      </button>
      <span>{t('tags.page', { n: page + 1, all: count })}</span>
      <button type="button" disabled={page >= count - 1} onClick={() => onTurn(page + 1)}>
        {t('tags.after')} <Icon name="right" />
      </button>
    </nav>
  )
}
