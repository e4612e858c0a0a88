// A change of the settings that goes back by itself unless somebody keeps it: said on every page.
import { useEffect, useState } from 'preact/hooks'
import type { PendingChange } from '../../core/operator.ts'
import { call } from '../api/client.ts'
import { may } from '../state/session.ts'
import { askStatus, status } from '../state/status.ts'
import { t } from '../words/index.ts'
import { ended, WaitingChange } from './waiting-change.tsx'

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
  const keep = () => ended(() => call('settings confirm', { revision: known.change.revision }), t('pending.kept'), askStatus)
  const takeBack = () => ended(() => call('settings revert', {}), t('pending.takenBack'), askStatus)
  const decide = may('admin') ? { keep, takeBack } : undefined
  return (
    <WaitingChange
      title={t('pending.title')}
      text={t('pending.text', { by: known.change.by })}
      until={known.until}
      decide={decide}
    />
  )
}
