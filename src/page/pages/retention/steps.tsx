// The steps of a ladder as fields, for whoever would rather type.
import { DURATION_ALLOWED, PERCENT_ALLOWED } from '../../../core/units.ts'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { t } from '../../words/index.ts'
import type { StepDraft } from './draft.ts'
import { stepOf } from './draft.ts'

interface Props {
  readonly ladder: readonly StepDraft[]
  readonly isFixed: boolean
  readonly onChange: (ladder: readonly StepDraft[]) => void
}

const WINDOW_FIRST = '10s'

export function Steps({ ladder, isFixed, onChange }: Props) {
  const add = (step: StepDraft) => onChange([...ladder, step])
  return (
    <>
      <ol class="ladder-steps" aria-label={t('retention.steps')}>
        {ladder.map((step, at) => (
          <li key={at}>
            <StepFields step={step} isFixed={isFixed} onChange={(it) => onChange(ladder.with(at, it))} />
            {!isFixed && (
              <button
                type="button"
                class="plain icon-only"
                aria-label={t('retention.removeStep', { n: at + 1 })}
                onClick={() => onChange(ladder.toSpliced(at, 1))}
              >
                <Icon name="trash" />
              </button>
            )}
          </li>
        ))}
      </ol>
      {!isFixed && (
        <div class="actions">
          <button type="button" onClick={() => add({ on: 'offlineFor', at: '7d', keep: WINDOW_FIRST })}>
            <Icon name="plus" />
            {t('retention.addOffline')}
          </button>
          <button type="button" onClick={() => add({ on: 'filledTo', at: '80%', keep: '1m' })}>
            <Icon name="plus" />
            {t('retention.addFilled')}
          </button>
        </div>
      )}
    </>
  )
}

function StepFields({ step, isFixed, onChange }: { step: StepDraft; isFixed: boolean; onChange: (step: StepDraft) => void }) {
  const kind = step.keep === 'raw' || step.keep === 'nothing' ? step.keep : 'aggregate'
  const isAtWrong = stepOf({ ...step, keep: 'raw' }) === undefined
  const isWindowWrong = kind === 'aggregate' && !isAtWrong && stepOf(step) === undefined
  return (
    <div class="fields">
      <TextField
        label={step.on === 'offlineFor' ? t('retention.offlineFor') : t('retention.filledTo')}
        error={isAtWrong ? t('mustBe', { allowed: step.on === 'offlineFor' ? DURATION_ALLOWED : PERCENT_ALLOWED }) : undefined}
        value={step.at}
        disabled={isFixed}
        onInput={(at) => onChange({ ...step, at: at.trim() })}
      />
      <SelectField
        label={t('retention.keep')}
        value={kind}
        disabled={isFixed}
        choices={(['raw', 'aggregate', 'nothing'] as const).map((value) => ({ value, text: t(`retention.choose.${value}`) }))}
        onInput={(it) => onChange({ ...step, keep: it === 'aggregate' ? WINDOW_FIRST : it })}
      />
      {kind === 'aggregate' && (
        <TextField
          label={t('retention.window')}
          error={isWindowWrong ? t('mustBe', { allowed: DURATION_ALLOWED }) : undefined}
          value={step.keep}
          disabled={isFixed}
          onInput={(keep) => onChange({ ...step, keep: keep.trim() })}
        />
      )}
    </div>
  )
}
