// A change of addresses that goes back by itself unless somebody keeps it: said on every page, to everybody.
import { call } from '../api/client.ts'
import { askNetwork, network } from '../state/network.ts'
import { may } from '../state/session.ts'
import { t } from '../words/index.ts'
import { ended, WaitingChange } from './waiting-change.tsx'

export function NetworkPendingBanner() {
  const { pending, revertsAt = 0 } = network.value ?? {}
  if (!pending) return null
  const ports = pending.ports.map((it) => `${it.interface} (${it.address})`).join(', ')
  const keep = () => ended(() => call('network confirm', {}), t('networkPending.kept'), askNetwork)
  const takeBack = () => ended(() => call('network revert', {}), t('networkPending.takenBack'), askNetwork)
  return (
    <WaitingChange
      title={t('networkPending.title')}
      text={t('networkPending.text', { ports, by: pending.by })}
      until={revertsAt}
      decide={may('technician') ? { keep, takeBack } : undefined}
    />
  )
}
