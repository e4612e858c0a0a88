// A value is never a bare number: unit and quality stand with it.
import type { Quality, Value } from '../../core/reading.ts'
import { measured } from '../format/number.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'

const TONES = { good: 'ok', uncertain: 'attention', bad: 'problem' } as const

export function ValueView({ value, unit, quality }: { value: Value | null; unit?: string | undefined; quality: Quality }) {
  return (
    <span class={`value ${quality}`}>
      <span class="figure">{textOf(value)}</span>
      {unit !== undefined && unit !== '' && <span class="unit">&nbsp;{unit}</span>}
      {quality !== 'good' && (
        <>
          {' '}
          <QualityBadge quality={quality} />
        </>
      )}
    </span>
  )
}

export function QualityBadge({ quality }: { readonly quality: Quality }) {
  return <Badge tone={TONES[quality]}>{t(`quality.${quality}`)}</Badge>
}

const BYTES_SHOWN_MAX = 16

function textOf(value: Value | null): string {
  if (value === null) return '—'
  if (typeof value === 'number' || typeof value === 'bigint') return measured(value)
  if (typeof value === 'boolean') return value ? t('value.true') : t('value.false')
  if (typeof value === 'string') return value
  const hex = [...value.subarray(0, BYTES_SHOWN_MAX)].map((it) => it.toString(16).padStart(2, '0')).join(' ')
  return value.length > BYTES_SHOWN_MAX ? `${hex} …` : hex
}
