import { duration } from '../format/time.ts'
import { percent } from '../format/number.ts'
import { t } from '../words/index.ts'

interface Props {
  readonly label: string
  /** 0 to 1; undefined: nobody knows. */
  readonly share: number | undefined
  readonly secondsLeft?: number | null
}

/** A real share, and the time left where it is known. */
export function Progress({ label, share, secondsLeft }: Props) {
  return (
    <div class="progress">
      <progress max={1} {...(share !== undefined && { value: share })} aria-label={label} />
      <span>
        {share === undefined ? t('loading') : percent(share)}
        {secondsLeft != null && ` · ${t('timeLeft', { time: duration(secondsLeft) })}`}
      </span>
    </div>
  )
}

/** How full something is; `marks` is said by its label. */
export function Fill({ label, share, tone = 'ok' }: { label: string; share: number; tone?: 'ok' | 'attention' | 'problem' }) {
  const width = Math.max(0, Math.min(1, share)) * 100
  return (
    <svg
      class={`fill ${tone}`}
      viewBox="0 0 100 4"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${percent(share)}`}
    >
      <rect class="ground" width="100" height="4" />
      <rect class="full" width={width} height="4" />
    </svg>
  )
}
