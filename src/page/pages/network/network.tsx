// Interfaces with what they have now beside what the settings say; a change of addresses goes back by itself unless somebody keeps it.
import '../../more.css'
import { useState } from 'preact/hooks'
import { Badge } from '../../parts/badge.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { portTexts } from '../../settings-text/ports.ts'
import type { NetworkSeen } from '../../state/network.ts'
import { askNetwork, network, networkError } from '../../state/network.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { ApplyDialog } from './apply-dialog.tsx'
import { PortCard } from './port-card.tsx'
import { PortDialog } from './port-dialog.tsx'
import type { PortView } from './views.ts'
import { TimeServers } from './time-servers.tsx'
import { differs, portViews } from './views.ts'

export function Network() {
  const now = network.value
  const error = networkError.value
  return (
    <>
      <PageHead title={t('network')} text={t('network.about')} />
      {error !== undefined && <ErrorView error={error} retry={askNetwork} />}
      {now ? <Seen now={now} /> : error === undefined && <Waiting />}
    </>
  )
}

function Seen({ now }: { readonly now: NetworkSeen }) {
  // What was kept stands in the settings too: they are read again when the change is no longer waited for.
  const { data, error, again } = useCall('settings show', {}, now.pending === null)
  const [edited, setEdited] = useState<PortView | 'settings' | undefined>()
  const close = () => setEdited(undefined)
  if (error !== undefined && !data) return <ErrorView error={error} retry={again} />
  if (!data) return <Waiting />
  const said = portTexts(data.text)
  const views = portViews(now, said, data.system.ports)
  const mayChange = may('technician') && now.by !== null && now.pending === null
  const apart = views.filter(differs)
  const whole = apart.flatMap(({ asked }) => asked ?? [])
  return (
    <>
      {now.by === null && <NoHelper />}
      {apart.length > 0 && (
        <div class="notice">
          <p>
            <Badge tone="attention">{t('network.apart')}</Badge>{' '}
            {t('network.apartText', { ports: apart.map((it) => it.name).join(', ') })}
          </p>
          {mayChange && whole.length > 0 && (
            <button type="button" onClick={() => setEdited('settings')}>
              {t('network.putInForce')}
            </button>
          )}
        </div>
      )}
      {views.length === 0 && <Empty title={t('network.none')} />}
      <div class="cards ports">
        {views.map((it) => (
          <PortCard key={it.name} view={it} edit={mayChange && it.now ? () => setEdited(it) : undefined} />
        ))}
        <System now={now} />
        <TimeServers servers={data.system.timeServers} mayChange={may('technician') && now.by !== null} again={again} />
      </div>
      {edited === 'settings' && <ApplyDialog title={t('network.putInForce')} ports={whole} base={now} onClose={close} />}
      {typeof edited === 'object' && <PortDialog view={edited} base={now} onClose={close} />}
    </>
  )
}

function NoHelper() {
  return (
    <div class="notice">
      <p>
        <Badge tone="info">{t('network.seenOnly')}</Badge> {t('network.noHelper')}
      </p>
      <p class="remedy">
        {t('network.noHelperRemedy')} <code>holdfast host --data DIR</code>
      </p>
    </div>
  )
}

/** What is of no port. */
function System({ now }: { readonly now: NetworkSeen }) {
  return (
    <Card title={t('network.system')}>
      <dl class="pairs">
        <dt>{t('network.nameServersInUse')}</dt>
        <dd>{now.nameServers.length > 0 ? now.nameServers.join(', ') : '—'}</dd>
        <dt>{t('network.carriedOutBy')}</dt>
        <dd>{t(`network.by.${now.by ?? 'nobody'}`)}</dd>
      </dl>
      {now.by === 'ip' && <p class="quiet">{t('network.ipOnly')}</p>}
    </Card>
  )
}
