// A change that goes back by itself unless somebody keeps it: whose it is, how long it has, and what can be decided.
import { useEffect, useState } from 'preact/hooks'
import { errorOf } from '../api/errors.ts'
import { duration } from '../format/time.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { say } from './toast.tsx'

interface Props {
  readonly title: string
  readonly text: string
  /** When it goes back, by this browser's clock. */
  readonly until: number
  /** Undefined: this person may not. */
  readonly decide: { readonly keep: () => unknown; readonly takeBack: () => unknown } | undefined
}

export function WaitingChange({ title, text, until, decide }: Props) {
  const [, redraw] = useState(0)
  useEffect(() => {
    const timer = window.setInterval(() => redraw((it) => it + 1), 1_000)
    return () => window.clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.round((until - Date.now()) / 1_000))
  return (
    <section class="pending" aria-label={title}>
      <p role="status">
        <Badge tone="attention">{title}</Badge> {text}{' '}
        <strong role="timer" aria-live="off">
          {duration(seconds)}
        </strong>
      </p>
      {decide && (
        <div class="actions">
          <Button kind="main" onPress={decide.keep}>
            {t('pending.keep')}
          </Button>
          <Button onPress={decide.takeBack}>{t('pending.takeBack')}</Button>
        </div>
      )}
    </section>
  )
}

/** Decided: what became of it is said, and asked for anew. */
export async function ended(work: () => Promise<unknown>, text: string, askAgain: () => Promise<void>): Promise<void> {
  try {
    await work()
    say(text)
  } catch (error) {
    say(errorOf(error).message)
  }
  await askAgain()
}
