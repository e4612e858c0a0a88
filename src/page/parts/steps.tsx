// Steps of a test as they come, each with what to do where it failed.
import type { TestStep } from '../../core/source.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'

export function StepList({ steps, isRunning }: { readonly steps: readonly TestStep[]; readonly isRunning: boolean }) {
  return (
    <ol class="steps" aria-live="polite" aria-busy={isRunning}>
      {steps.map((it, at) => (
        <li key={`${at}-${it.step}`}>
          <Badge tone={it.ok ? 'ok' : 'problem'}>{it.ok ? t('step.ok') : t('step.failed')}</Badge>
          <div>
            <strong>{it.step}</strong> <span>{it.detail}</span>
            {it.remedy !== undefined && <p class="remedy">{it.remedy}</p>}
          </div>
        </li>
      ))}
      {isRunning && (
        <li>
          <Badge tone="off">{t('step.running')}</Badge>
        </li>
      )}
    </ol>
  )
}
