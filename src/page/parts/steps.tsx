// Steps of a test as they come, each with what to do where it failed.
import type { TestStep } from '../../core/source.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Original } from './original.tsx'
import { stepWords } from './step-text.ts'

interface Props {
  readonly steps: readonly TestStep[]
  readonly isRunning: boolean
  readonly isProbe?: boolean
}

export function StepList({ steps, isRunning, isProbe = false }: Props) {
  return (
    <ol class="steps" aria-live="polite" aria-busy={isRunning}>
      {steps.map((it, at) => (
        <li key={`${at}-${it.step}`}>
          <Badge tone={it.ok ? 'ok' : 'problem'}>{it.ok ? t('step.ok') : t('step.failed')}</Badge>
          <Step it={it} isProbe={isProbe} />
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

function Step({ it, isProbe }: { readonly it: TestStep; readonly isProbe: boolean }) {
  const { step, detail, remedy, original } = stepWords(it, isProbe)
  return (
    <div>
      <strong>{step}</strong> <span>{detail}</span>
      {remedy !== undefined && <p class="remedy">{remedy}</p>}
      <Original text={original} />
    </div>
  )
}
