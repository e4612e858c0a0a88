// Which issues there were, from when to when, the youngest first: what was wrong at night is known in the morning.
import { useState } from 'preact/hooks'
import type { Issue, SeenIssue } from '../../core/status.ts'
import { duration } from '../format/time.ts'
import type { Tone } from './badge.tsx'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { Card } from './card.tsx'
import { wordsOf } from './issue-text.ts'
import { useRepeated } from './repeated.ts'
import { Empty, ErrorView, Waiting } from './states.tsx'
import type { Column } from './table.tsx'
import { Table } from './table.tsx'
import { Time } from './time.tsx'
import { t } from '../words/index.ts'

const EVERY_MS = 5_000
const SHOWN_FIRST = 10
const TONES: Readonly<Record<Issue['severity'], Tone>> = { problem: 'problem', warning: 'attention', info: 'info' }

interface Props {
  /** Of one source alone. */
  readonly source?: string
}

export function SeenIssues({ source }: Props) {
  const { data: all, error, again } = useRepeated('issues', {}, EVERY_MS)
  const data = source === undefined ? all : all?.filter((it) => it.of === source && it.code.startsWith('source'))
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
  { key: 'lasted', title: t('diagnostics.lasted'), isNumber: true, cell: (it) => <span class="whole">{lastedText(it)}</span> },
]

function What(it: SeenIssue) {
  const { title, text } = wordsOf(it)
  return (
    <>
      <Badge tone={TONES[it.severity]}>{t(`severity.${it.severity}`)}</Badge> {title !== undefined && <strong>{title}: </strong>}
      <span class="regular">{text}</span>{' '}
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
