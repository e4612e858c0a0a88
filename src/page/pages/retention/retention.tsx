// Classes and ladders as a picture over time offline, and beside it what an outage would leave of each: as it is, and as it would be.
import '../../more.css'
import { useEffect, useState } from 'preact/hooks'
import type { SettingsNow } from '../../../core/operator.ts'
import { Button } from '../../parts/button.tsx'
import { PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import type { ClassDraft } from './draft.ts'
import { draftsOf, whatIfOf, withDrafts } from './draft.ts'
import { ClassCard } from './class-card.tsx'
import { spanOf } from './ladder.ts'
import { LastWeek } from './last-week.tsx'
import { Outages } from './outages.tsx'
import { useLeft } from './use-left.ts'
import { ASKED_MS } from './what-if.ts'

export function Retention() {
  const { data, error, again } = useCall('settings show', {})
  if (error !== undefined && data === undefined) return <ErrorView error={error} retry={again} />
  return data ? <Loaded key={data.revision} now={data} again={again} /> : <Waiting />
}

function Loaded({ now, again }: { readonly now: SettingsNow; readonly again: () => void }) {
  const before = draftsOf(now.text)
  if (before === undefined)
    return (
      <Empty title={t('retention.unreadable')}>
        <a href="/settings">{t('settings')}</a>
      </Empty>
    )
  return <Editor before={before} again={again} />
}

/** A name for a class that has none yet. */
function newName(drafts: readonly ClassDraft[]): string {
  const names = new Set(drafts.map((it) => it.name))
  let at = drafts.length + 1
  while (names.has(`class-${at}`)) at++
  return `class-${at}`
}

function Editor({ before, again }: { readonly before: readonly ClassDraft[]; readonly again: () => void }) {
  const [drafts, setDrafts] = useState<readonly ClassDraft[]>(before)
  const [outageMs, setOutage] = useState(ASKED_MS[1] as number)
  const [error, setError] = useState<unknown>()
  const whatIf = whatIfOf(drafts)
  const isChanged = JSON.stringify(drafts) !== JSON.stringify(before)
  const spanMs = useSpan(whatIf?.map((it) => it.ladder) ?? [])
  const left = useLeft(spanMs, isChanged ? whatIf : undefined)
  const change = (at: number, draft: ClassDraft | undefined) =>
    setDrafts(draft ? drafts.with(at, draft) : drafts.filter((_, own) => own !== at))
  const move = (at: number, by: -1 | 1) => {
    const it = drafts[at] as ClassDraft
    setDrafts(drafts.toSpliced(at, 1).toSpliced(at + by, 0, it))
  }
  const save = () =>
    propose({ title: t('retention.change'), edit: (text) => withDrafts(text, drafts), applied: again }).catch(setError)
  const add = () =>
    setDrafts([...drafts, { name: newName(drafts), was: undefined, floor: '', whenFull: 'reduce', ladder: [], forward: '' }])
  return (
    <>
      <PageHead title={t('retention')} text={t('retention.about')} />
      {error !== undefined && <ErrorView error={error} />}
      <Outages spanMs={spanMs} outageMs={outageMs} onOutage={setOutage} left={left} isChanged={isChanged} />
      <LastWeek left={(isChanged ? left.after : undefined) ?? left.now} />
      <ol class="classes">
        {drafts.map((draft, at) => (
          <li key={draft.was ?? `new-${at}`}>
            <ClassCard
              draft={draft}
              place={{ at, count: drafts.length, move: (by) => move(at, by) }}
              isNew={draft.was === undefined}
              spanMs={spanMs}
              outageMs={outageMs}
              left={(left.after ?? left.now)?.find((it) => it.name === draft.name)?.left ?? []}
              onChange={(it) => change(at, it)}
            />
          </li>
        ))}
      </ol>
      <div class="actions">
        {may('admin') && (
          <button type="button" onClick={add}>
            {t('retention.addClass')}
          </button>
        )}
      </div>
      {isChanged && (
        <div class="unsaved" role="region" aria-label={t('retention.change')}>
          <p>{whatIf ? t('retention.unsaved') : t('retention.wrong')}</p>
          <div class="actions">
            <button type="button" onClick={() => setDrafts(before)}>
              {t('discard')}
            </button>
            <Button kind="main" onPress={save} disabled={whatIf === undefined}>
              {t('showDifference')}
            </Button>
          </div>
        </div>
      )}
    </>
  )
}

/** While a step is dragged the picture must not shrink under the finger: it grows at once, and shrinks when nothing has moved for a while. */
function useSpan(ladders: Parameters<typeof spanOf>[0]): number {
  const wanted = spanOf(ladders)
  const [span, setSpan] = useState(wanted)
  useEffect(() => {
    const timer = window.setTimeout(() => setSpan(wanted), 1_500)
    return () => window.clearTimeout(timer)
  }, [wanted])
  return Math.max(span, wanted)
}
