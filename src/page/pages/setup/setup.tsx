// The first run: from a box that knows nothing to the first record that Kafka has acknowledged. Every step can be left, and taken up again.
import { useEffect } from 'preact/hooks'
import { PageHead } from '../../parts/card.tsx'
import { status } from '../../state/status.ts'
import { AddSource } from '../sources/add.tsx'
import { BrowseSource } from '../sources/browser.tsx'
import { t } from '../../words/index.ts'
import { BoxStep } from './box-step.tsx'
import { LiveStep } from './live-step.tsx'
import type { Step } from './progress.ts'
import { firstRun, goTo, keep, STEPS } from './progress.ts'
import { Turn } from './turn.tsx'
import { UplinkStep } from './uplink-step.tsx'

export function SetUp() {
  const { step } = firstRun.value
  useEffect(() => document.getElementById('step-title')?.focus(), [step])
  return (
    <>
      <PageHead title={t('setup')} text={t('setup.text')}>
        <a class="button" href="/">
          {t('setup.leave')}
        </a>
      </PageHead>
      <ol class="setup-steps">
        {STEPS.map((it, at) => (
          <li key={it}>
            <button type="button" class="plain" aria-current={it === step ? 'step' : undefined} onClick={() => goTo(it)}>
              <span class="step-number">{at + 1}</span> {t(`setup.${it}`)}
            </button>
          </li>
        ))}
      </ol>
      <h2 id="step-title" class="over-form" tabIndex={-1}>
        {t('setup.stepTitle', { n: STEPS.indexOf(step) + 1, all: STEPS.length, title: t(`setup.${step}`) })}
      </h2>
      <StepView step={step} />
    </>
  )
}

function StepView({ step }: { readonly step: Step }) {
  if (step === 'box') return <BoxStep />
  if (step === 'uplink') return <UplinkStep />
  if (step === 'source') return <SourceStep />
  return step === 'tags' ? <TagsStep /> : <LiveStep />
}

function SourceStep() {
  const sources = status.value?.sources ?? []
  return (
    <>
      <AddSource
        onApplied={(source) => {
          keep({ source })
          goTo('tags')
        }}
      />
      <Turn back="uplink" {...(sources.length > 0 && { on: 'tags' as const })} />
    </>
  )
}

function TagsStep() {
  const own = firstRun.value.source
  const name = own !== '' ? own : (status.value?.sources[0]?.name ?? '')
  return (
    <>
      {name === '' ? <p>{t('sources.none')}</p> : <BrowseSource name={name} onAdded={() => goTo('live')} />}
      <Turn back="source" on="live" />
    </>
  )
}
