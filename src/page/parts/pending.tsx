// A change of the settings that goes back by itself unless somebody keeps it: said on every page.
import { useEffect, useState } from 'preact/hooks'
import type { PendingChange } from '../../core/operator.ts'
import { call } from '../api/client.ts'
import { errorOf } from '../api/errors.ts'
import { duration } from '../format/time.ts'
import { may } from '../state/session.ts'
import { askStatus, status } from '../state/status.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { say } from './toast.tsx'

const CODE = 'settings-pending'

interface Known {
  readonly change: PendingChange
  /** When it goes back, by this browser's clock. */
  readonly until: number
}

export function PendingBanner() {
  const now = status.value
  const isPending = now?.issues.some((it) => it.code === CODE) ?? false
  const [known, setKnown] = useState<Known | undefined>()
  useEffect(() => {
    if (!isPending) return setKnown(undefined)
    let isOver = false
    call('settings show', {}).then(
      ({ pending }) => !isOver && setKnown(pending ? { change: pending, until: Date.now() + pending.revertsInMs } : undefined),
      // Asked again with the next status.
      () => {},
    )
    return () => {
      isOver = true
    }
  }, [isPending, known === undefined && now])
  return known ? <Banner known={known} /> : null
}

function Banner({ known }: { readonly known: Known }) {
  const [, redraw] = useState(0)
  useEffect(() => {
    const timer = window.setInterval(() => redraw((it) => it + 1), 1_000)
    return () => window.clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.round((known.until - Date.now()) / 1_000))
  const end = async (work: () => Promise<unknown>, text: string) => {
    try {
      await work()
      say(text)
    } catch (error) {
      say(errorOf(error).message)
    }
    await askStatus()
  }
  const keep = () => end(() => call('settings confirm', { revision: known.change.revision }), t('pending.kept'))
  const takeBack = () => end(() => call('settings revert', {}), t('pending.takenBack'))
  return (
    <section class="pending" aria-label={t('pending.title')}>
      <p role="status">
        <Badge tone="attention">{t('pending.title')}</Badge> {t('pending.text', { by: known.change.by })}{' '}
        <strong role="timer" aria-live="off">
          {duration(seconds)}
        </strong>
      </p>
      {may('admin') && (
        <div class="actions">
          <Button kind="main" onPress={keep}>
            {t('pending.keep')}
          </Button>
          <Button onPress={takeBack}>{t('pending.takeBack')}</Button>
        </div>
      )}
    </section>
  )
}
