// Which issues there were, from when to when, the youngest first: what was wrong at night is known in the morning.
import { useState } from 'preact/hooks'
import type { Issue, SeenIssue } from '../../../core/status.ts'
import { duration } from '../../format/time.ts'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { wordsOf } from '../../parts/issue-text.ts'
import { useRepeated } from '../../parts/repeated.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'

const EVERY_MS = 5_000
const SHOWN_FIRST = 10
const TONES: Readonly<Record<Issue['severity'], Tone>> = { problem: 'problem', warning: 'attention', info: 'info' }

export function SeenIssues() {
  const { data, error, again } = useRepeated('issues', {}, EVERY_MS)
  const [isWhole, setIsWhole] = useState(false)
  const shown = isWhole ? data : data?.slice(0, SHOWN_FIRST)
  return (
    <Card title={t('diagnostics.issues')}>
      <p class="quiet">{t('diagnostics.issuesAbout')}</p>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {data === undefined && error === undefined && <Waiting />}
      {data?.length === 0 && <Empty title={t('diagnostics.noIssues')} />}
      {shown !== undefined && shown.length > 0 && (
        <Table
          caption={t('diagnostics.issues')}
          columns={columns()}
          rows={shown}
          keyOf={(it) => `${it.begun} ${it.code} ${it.text}`}
        />
      )}
      {data !== undefined && !isWhole && data.length > SHOWN_FIRST && (
        <Button onPress={() => setIsWhole(true)}>{t('diagnostics.allIssues', { n: data.length })}</Button>
      )}
    </Card>
  )
}

const columns = (): Column<SeenIssue>[] => [
  { key: 'text', title: t('diagnostics.issue'), isName: true, cell: What },
  { key: 'begun', title: t('diagnostics.begun'), cell: (it) => <Time micros={it.begun} isWithDate /> },
  {
    key: 'ended',
    title: t('diagnostics.ended'),
    cell: (it) => (it.ended === null ? <strong>{t('diagnostics.isThere')}</strong> : <Time micros={it.ended} isWithDate />),
  },
  { key: 'lasted', title: t('diagnostics.lasted'), isNumber: true, cell: lastedText },
]

function What(it: SeenIssue) {
  const { title, text } = wordsOf(it)
  return (
    <>
      <Badge tone={TONES[it.severity]}>{t(`severity.${it.severity}`)}</Badge> {title !== undefined && <strong>{title}: </strong>}
      {text}{' '}
      <a href={`/about/manual?code=${encodeURIComponent(it.code)}`}>
        <code>{it.code}</code>
      </a>
    </>
  )
}

function lastedText({ begun, ended, times }: SeenIssue): string {
  const lasted = duration(Math.max(0, ((ended ?? Date.now() * 1_000) - begun) / 1e6))
  return times > 1 ? t('diagnostics.lastedTimes', { lasted, n: times }) : lasted
}
