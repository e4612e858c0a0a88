// What is not as it should be, worst first, each with what to do; where a page mends it, one tap leads there.
import type { Issue, Status } from '../../../core/status.ts'
import { PAGES } from '../../pages.ts'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { wordsOf } from '../../parts/issue-text.ts'
import type { WordKey } from '../../words/index.ts'
import { t } from '../../words/index.ts'

const TONES: Record<Issue['severity'], Tone> = { problem: 'problem', warning: 'attention', info: 'info' }
const ORDER: readonly Issue['severity'][] = ['problem', 'warning', 'info']

export function Issues({ it }: { readonly it: Status }) {
  const issues = it.issues.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))
  return (
    <Card title={t('issues')} actions={<a href="/diagnostics">{t('issues.before')}</a>}>
      {issues.length === 0 ? (
        <p class="quiet">{t('issues.none')}</p>
      ) : (
        <ul class="issues">
          {issues.map((issue) => (
            <li key={issue.code + issue.text}>
              <Shown issue={issue} status={it} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Shown({ issue, status }: { readonly issue: Issue; readonly status: Status }) {
  const fix = fixOf(issue, status)
  const { title, text, remedy } = wordsOf(issue)
  return (
    <>
      <Badge tone={TONES[issue.severity]}>{t(`severity.${issue.severity}`)}</Badge>
      <div>
        <p>
          <strong>{title ?? text}</strong>
        </p>
        {title !== undefined && <p>{text}</p>}
        <p class="remedy">{remedy}</p>
      </div>
      <div class="actions">
        {fix && (
          <a class="button" href={fix.href}>
            {t(fix.word)}
          </a>
        )}
        <a href={`/about/manual?code=${encodeURIComponent(issue.code)}`}>
          <code>{issue.code}</code>
        </a>
        <CopyButton text={`${issue.code}: ${issue.text}`} />
      </div>
    </>
  )
}

interface Fix {
  readonly href: string
  readonly word: WordKey
}

/** By the beginning of the code: the page where it is mended. */
const PLACES: readonly (readonly [RegExp, string, WordKey])[] = [
  [/^(uplink|budget|link|class-waits)/, '/uplinks', 'issue.toUplinks'],
  [/^log-full/, '/retention', 'issue.toRetention'],
  [/^(log|disk|parked)/, '/log', 'issue.toLog'],
  [/^clock/, '/network', 'issue.toNetwork'],
  [/^(settings|secret|not-in-force|rule|other-hardware)/, '/settings', 'issue.toSettings'],
  [/^(password|claim|access|token)/, '/security', 'issue.toSecurity'],
]

function fixOf(issue: Issue, status: Status): Fix | undefined {
  const source = status.sources.find((it) => issue.text.toLowerCase().startsWith(`source ${it.name} `.toLowerCase()))
  if (source && issue.code.startsWith('source')) {
    const at = `/sources/${encodeURIComponent(source.name)}`
    if (issue.code === 'source-down') return { href: `${at}?test=1`, word: 'issue.testSource' }
    return { href: `${at}/edit`, word: 'issue.editSource' }
  }
  const place = PLACES.find(([code, path]) => code.test(issue.code) && PAGES.some((page) => page.path === path))
  return place && { href: place[1], word: place[2] }
}
