// What runs, what comes and how far it is, what the slots hold; a bundle from this browser, the server asked now, the way back.
import '../../more.css'
import { useState } from 'preact/hooks'
import type { SlotView, UpdateStatus } from '../../../core/update.ts'
import { call } from '../../api/client.ts'
import { errorOf } from '../../api/errors.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { useRepeated } from '../../parts/repeated.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { may } from '../../state/session.ts'
import { SaidLine } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { AWAY, Last, NoUpdater } from './cards.tsx'
import { Checks } from './checks.tsx'
import { Job } from './job.tsx'
import { Upload } from './upload.tsx'

const EVERY_MS = 1_500

export function Update() {
  const { data, error, again } = useRepeated('update status', {}, EVERY_MS)
  return (
    <>
      <PageHead title={t('update')} text={t('update.about')} />
      {error !== undefined && (errorOf(error).code === AWAY ? <NoUpdater /> : <ErrorView error={error} retry={again} />)}
      {data ? <Now now={data} again={again} /> : error === undefined && <Waiting />}
    </>
  )
}

function Now({ now, again }: { now: UpdateStatus; again: () => void }) {
  return (
    <div class="cards">
      {now.job && <Job job={now.job} again={again} />}
      <Slots now={now} again={again} />
      <Server now={now} again={again} />
      {now.last && <Last last={now.last} />}
      {now.checks.length > 0 && <Checks checks={now.checks} />}
      {may('technician') && !now.job && <Upload again={again} />}
    </div>
  )
}

function Slots({ now, again }: { now: UpdateStatus; again: () => void }) {
  const [isAsked, ask] = useState(false)
  const other = now.slots.find((it) => !it.isBooted)
  return (
    <Card title={t('update.slots')}>
      <Table
        caption={t('update.slots')}
        keyOf={(it: SlotView) => it.name}
        rows={now.slots}
        columns={[
          { key: 'name', title: t('update.slot'), cell: (it) => it.name, isName: true },
          { key: 'version', title: t('update.version'), cell: (it) => it.version ?? (it.isBooted ? now.version : '–') },
          { key: 'state', title: t('update.state'), cell: (it) => <SlotState slot={it} /> },
        ]}
      />
      {now.minimum && <p class="quiet">{t('update.minimum', { version: now.minimum.version })}</p>}
      {other?.isGood && !now.job && may('technician') && (
        <Button onPress={() => ask(true)}>{t('update.back', { slot: other.name })}</Button>
      )}
      {isAsked && other && (
        <ActionDialog
          title={t('update.back', { slot: other.name })}
          onClose={() => ask(false)}
          action={{
            text: t('update.backNow'),
            kind: 'danger',
            work: async () => {
              await call('update rollback', {})
              ask(false)
              again()
            },
          }}
        >
          <p>{t('update.backText', { version: other.version ?? '–' })}</p>
        </ActionDialog>
      )}
    </Card>
  )
}

function SlotState({ slot }: { slot: SlotView }) {
  if (slot.isBooted) return <Badge tone="ok">{t('update.runs')}</Badge>
  if (!slot.isGood) return <Badge tone="attention">{t('update.notGood')}</Badge>
  return <Badge tone={slot.isNext ? 'info' : 'off'}>{t(slot.isNext ? 'update.next' : 'update.ready')}</Badge>
}

function Server({ now: { server, job }, again }: { now: UpdateStatus; again: () => void }) {
  const { error, attempt } = useAttempt()
  const tell = (name: 'update check' | 'update confirm') =>
    attempt(async () => {
      await call(name, {})
      again()
    })
  return (
    <Card title={t('update.server')}>
      {server ? (
        <dl class="facts">
          <div>
            <dt>{t('update.address')}</dt>
            <dd>{server.url}</dd>
          </div>
          <div>
            <dt>{t('update.asked')}</dt>
            <dd>{server.lastContact === null ? t('update.never') : <Time micros={server.lastContact} isWithDate />}</dd>
          </div>
        </dl>
      ) : (
        <p>
          {t('update.noServer')} <a href="/fleet">{t('fleet')}</a>
        </p>
      )}
      {server?.lastError != null && (
        <p>
          <Badge tone="attention">{t('failed')}</Badge> <SaidLine text={server.lastError} />
        </p>
      )}
      {server?.asks != null && <p role="status">{t('update.asks', { name: server.asks })}</p>}
      {server && may('technician') && (
        <p class="actions">
          <Button onPress={() => tell('update check')}>{t('update.askNow')}</Button>
          {server.asks !== null && !job && (
            <Button kind="main" onPress={() => tell('update confirm')}>
              {t('update.confirm')}
            </Button>
          )}
        </p>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}
