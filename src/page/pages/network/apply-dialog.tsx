// What a change of addresses changes, where the box is found afterwards, and how long it has; then it is in force.
import { useState } from 'preact/hooks'
import type { NetworkNow, NetworkPort } from '../../../core/host.ts'
import type { SettingsChange } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { errorOf, UNREACHABLE } from '../../api/errors.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { Badge } from '../../parts/badge.tsx'
import { DiffView } from '../../parts/diff.tsx'
import { SelectField } from '../../parts/field.tsx'
import type { NetworkSeen } from '../../state/network.ts'
import { takeNetwork } from '../../state/network.ts'
import { t } from '../../words/index.ts'
import { changedSince, changesOf } from './views.ts'

interface Props {
  readonly title: string
  readonly ports: readonly NetworkPort[]
  /** What the change was made from. */
  readonly base: NetworkSeen
  readonly back?: () => void
  readonly onClose: () => void
}

const MINUTES = ['2', '5', '10'] as const
/** A box that has just left its address answers nobody there. */
const ANSWER_MS_MAX = 8_000

export function ApplyDialog({ title, ports, base: begun, back, onClose }: Props) {
  const [minutes, setMinutes] = useState<string>(MINUTES[0])
  const [base, setBase] = useState<NetworkNow>(begun)
  const [theirs, setTheirs] = useState<readonly SettingsChange[]>([])
  const [isGone, setGone] = useState(false)
  const changes = changesOf(ports, base)
  const address = addressAfter(ports, base)
  const names = ports.map((it) => it.interface)

  const apply = async () => {
    const now = takeNetwork(await call('network show', {}))
    const others = changedSince(base, now, names)
    if (others.length > 0) {
      setTheirs(others)
      setBase(now)
      return
    }
    const signal = AbortSignal.timeout(ANSWER_MS_MAX)
    try {
      takeNetwork(await call('network apply', { ports, confirmWithinMs: Number(minutes) * 60_000 }, signal))
      onClose()
    } catch (error) {
      if (!signal.aborted && errorOf(error).code !== UNREACHABLE) throw error
      setGone(true)
    }
  }
  return (
    <ActionDialog
      title={title}
      onClose={onClose}
      action={{ text: t('apply'), work: apply, disabled: changes.length === 0 || isGone }}
      other={back && { text: t('network.back'), kind: 'plain', work: back }}
      isWide
    >
      {theirs.length > 0 && (
        <div class="notice" role="alert">
          <p>
            <Badge tone="attention">{t('proposal.theirs')}</Badge> {t('network.theirsText')}
          </p>
          <DiffView changes={theirs} />
          <h3>{t('proposal.yours')}</h3>
        </div>
      )}
      <DiffView changes={changes} />
      <SelectField
        label={t('network.confirm')}
        hint={t('settings.confirmHint')}
        value={minutes}
        choices={MINUTES.map((value) => ({ value, text: t('network.minutes', { n: Number(value) }) }))}
        onInput={setMinutes}
      />
      {(address !== undefined || isGone) && (
        <div class="notice" role={isGone ? 'alert' : undefined}>
          <p>
            <Badge tone="attention">{t(isGone ? 'network.gone' : 'network.ownWay')}</Badge>{' '}
            {t(wayText(address), { n: Number(minutes) })}
          </p>
          {address !== undefined && address !== 'dhcp' && (
            <p>
              <a href={`${addressUrl(address)}/network`}>{addressUrl(address)}</a>
            </p>
          )}
        </div>
      )}
    </ActionDialog>
  )
}

function wayText(address: string | undefined) {
  if (address === undefined) return 'network.goneText'
  return address === 'dhcp' ? 'network.ownWayDhcp' : 'network.ownWayText'
}

/** Where the page is found afterwards, if this browser came by the address of a port that is changed; by a name it cannot tell. */
function addressAfter(ports: readonly NetworkPort[], { interfaces }: NetworkNow): string | undefined {
  const own = location.hostname.replaceAll(/[[\]]/g, '')
  const port = ports.find((it) =>
    interfaces.some((now) => now.name === it.interface && now.addresses.some((address) => address.split('/')[0] === own)),
  )
  const after = port?.address.split('/')[0]
  return after === own ? undefined : after
}

function addressUrl(address: string): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `https://${host}${location.port === '' ? '' : `:${location.port}`}`
}
