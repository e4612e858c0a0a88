// What stands where there is nothing, where something is awaited, and where something failed.
import type { ComponentChildren } from 'preact'
import type { Problem } from '../../core/errors.ts'
import { ApiError, CUT, errorOf, UNREACHABLE } from '../api/errors.ts'
import { t, tOf } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Original, OriginalText } from './original.tsx'
import { saidWords } from './said-text.ts'
import { CopyButton } from './copy.tsx'

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  )
}

export function Waiting({ text }: { readonly text?: string }) {
  return (
    <p class="waiting" role="status">
      {text ?? t('loading')}
    </p>
  )
}

/** What went wrong, what to do, and the stable code that the manual knows. */
export function ErrorView({ error, retry }: { readonly error: unknown; readonly retry?: () => unknown }) {
  const it = errorOf(error)
  const said = saidWords({ text: textOf(it), code: it.code, remedy: it.remedy ?? remedyOf(it) })
  return (
    <div class="failure" role="alert">
      <p>
        <Badge tone="problem">{t('failed')}</Badge> {said.text}
      </p>
      {it.problems.length > 0 && (
        <ul>
          {it.problems.map((problem) => (
            <ProblemLine key={problem.where + problem.text} problem={problem} />
          ))}
        </ul>
      )}
      {said.remedy !== undefined && <p class="remedy">{said.remedy}</p>}
      <Original text={said.original} />
      <p class="actions">
        {retry && (
          <button type="button" onClick={retry}>
            {t('tryAgain')}
          </button>
        )}
        <a href={`/about/manual?code=${encodeURIComponent(it.code)}`}>
          <code>{it.code}</code>
        </a>
        <CopyButton text={`${it.code}: ${it.message}`} />
      </p>
    </div>
  )
}

function ProblemLine({ problem: { where, ...own } }: { readonly problem: Problem }) {
  const { text, remedy, original } = saidWords(own)
  return (
    <li>
      <code>{where}</code> {text}
      {original !== undefined && <OriginalText text={original} />}
      {remedy !== undefined && <span class="remedy"> {remedy}</span>}
    </li>
  )
}

function textOf(it: ApiError): string {
  if (it.code === UNREACHABLE) return t('error.unreachable')
  if (it.code === CUT) return t('error.cut')
  return it.message
}

function remedyOf(it: ApiError): string | undefined {
  return tOf(`remedy.${it.code}`)
}
