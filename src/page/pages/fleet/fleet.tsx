// The server that hands out updates to many boxes: where it is, how this box is known there, when it was asked, and what it has said.
import '../../more.css'
import { useState } from 'preact/hooks'
import type { UpdateStatus } from '../../../core/update.ts'
import { call } from '../../api/client.ts'
import { errorOf } from '../../api/errors.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Fact } from '../../parts/fact.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { useCall } from '../../parts/hooks.ts'
import { useRepeated } from '../../parts/repeated.ts'
import { SaidLine } from '../../parts/said.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { AWAY, Last, NoUpdater } from '../update/cards.tsx'
import { Job } from '../update/job.tsx'
import type { FleetDraft } from './draft.ts'
import { fleetDraft } from './draft.ts'
import { FleetForm } from './form.tsx'

const EVERY_MS = 3_000

export function Fleet() {
  const settings = useCall('settings show', {})
  const update = useRepeated('update status', {}, EVERY_MS)
  const [isOpen, setOpen] = useState(false)
  const said = settings.data && fleetDraft(settings.data.text)
  const isAway = update.error !== undefined && errorOf(update.error).code === AWAY
  const applied = () => {
    settings.again()
    update.again()
  }
  return (
    <>
      <PageHead title={t('fleet')} text={t('fleet.about')}>
        {may('admin') && said && (
          <button type="button" onClick={() => setOpen(true)}>
            {t(said.server === '' ? 'fleet.set' : 'edit')}
          </button>
        )}
      </PageHead>
      {settings.error !== undefined && <ErrorView error={settings.error} retry={settings.again} />}
      {isAway && <NoUpdater />}
      {update.error !== undefined && !isAway && <ErrorView error={update.error} retry={update.again} />}
      {!said && settings.error === undefined && <Waiting />}
      {said?.server === '' && <Empty title={t('fleet.none')}>{t('fleet.noneText')}</Empty>}
      {said && said.server !== '' && (
        <div class="cards">
          <Server said={said} now={update.data} again={update.again} />
          <Assigned now={update.data} again={update.again} />
          {update.data?.last && <Last last={update.data.last} />}
          <Windows windows={said.windows} />
          <Card title={t('fleet.may')}>
            <p>{t('fleet.mayText')}</p>
            <p class="quiet">{t('fleet.told')}</p>
          </Card>
        </div>
      )}
      {isOpen && said && <FleetForm first={said} onClose={() => setOpen(false)} applied={applied} />}
    </>
  )
}

interface NowProps {
  /** Undefined: no updater answers, or not yet. */
  readonly now: UpdateStatus | undefined
  readonly again: () => void
}

function Server({ said, now, again }: NowProps & { readonly said: FleetDraft }) {
  const { error, attempt } = useAttempt()
  const ask = () =>
    attempt(async () => {
      await call('update check', {}).finally(again)
    })
  const device = status.value?.device
  const server = now?.server
  return (
    <Card title={t('fleet.server')}>
      <dl class="facts">
        <Fact name={t('fleet.url')}>{server?.url ?? said.server}</Fact>
        <Fact name={t('fleet.tenant')}>{said.tenant || 'default'}</Fact>
        <Fact name={t('fleet.device')}>
          {device === undefined ? (
            '–'
          ) : (
            <>
              <code>{device}</code> <CopyButton text={device} />
            </>
          )}
        </Fact>
        <Fact name={t('fleet.logIn')}>{t(`fleet.auth.${said.auth}`)}</Fact>
        <Fact name={t('fleet.token')}>{said.token === '' ? t('fleet.noToken') : t('fleet.inStore', { name: said.token })}</Fact>
        {server && <Fact name={t('fleet.contact')}>{timeOf(server.lastContact)}</Fact>}
        {server && server.nextPoll !== null && <Fact name={t('fleet.next')}>{timeOf(server.nextPoll)}</Fact>}
      </dl>
      {server?.lastError != null && (
        <p role="status">
          <Badge tone="attention">{t('fleet.failed')}</Badge> <SaidLine text={server.lastError} />
        </p>
      )}
      <p class="quiet">{t('fleet.waits')}</p>
      {now && may('technician') && <Button onPress={ask}>{t('update.askNow')}</Button>}
      {error !== undefined && server?.lastError == null && <ErrorView error={error} />}
    </Card>
  )
}

/** What it has given out to this box, and how far that is. */
function Assigned({ now, again }: NowProps) {
  const { error, attempt } = useAttempt()
  if (now?.job?.origin === 'server') return <Job job={now.job} again={again} />
  const agree = () =>
    attempt(async () => {
      await call('update confirm', {})
      again()
    })
  const asks = now?.server?.asks ?? null
  return (
    <Card title={t('fleet.assigned')}>
      <p role="status">
        {!now ? t('fleet.nothingKnown') : asks === null ? t('fleet.nothing') : t('update.asks', { name: asks })}
      </p>
      {asks !== null && may('technician') && (
        <Button kind="main" onPress={agree}>
          {t('update.confirm')}
        </Button>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}

function Windows({ windows }: { readonly windows: FleetDraft['windows'] }) {
  return (
    <Card title={t('fleet.windows')}>
      {windows.length === 0 && <p>{t('fleet.always')}</p>}
      <ul class="lines">
        {windows.map((it) => (
          <li key={it.at + it.zone}>
            <code>{it.at}</code> <span class="quiet">{it.zone || 'UTC'}</span>
          </li>
        ))}
      </ul>
      <p class="quiet">{t('fleet.windowsHint')}</p>
    </Card>
  )
}

const timeOf = (at: number | null) => (at === null ? t('fleet.never') : <Time micros={at} isWithDate />)
