// What a change of the settings changes: path, before, after.
import type { SettingsChange } from '../../core/operator.ts'
import { t } from '../words/index.ts'

export function DiffView({ changes }: { readonly changes: readonly SettingsChange[] }) {
  if (changes.length === 0) return <p class="quiet">{t('diff.none')}</p>
  return (
    <ul class="diff" aria-label={t('diff.title')}>
      {changes.map((it) => (
        <li key={it.path}>
          <code class="path">{it.path}</code>
          {it.old !== undefined && <Side sign="−" kind="old" text={it.old} word={t('diff.old')} />}
          {it.new !== undefined && <Side sign="+" kind="new" text={it.new} word={t('diff.new')} />}
        </li>
      ))}
    </ul>
  )
}

function Side({ sign, kind, text, word }: { sign: string; kind: 'old' | 'new'; text: string; word: string }) {
  return (
    <pre class={kind}>
      <span class="sign" aria-hidden="true">
        {sign}{' '}
      </span>
      <span class="unseen">{word}: </span>
      {text.trimEnd()}
    </pre>
  )
}
