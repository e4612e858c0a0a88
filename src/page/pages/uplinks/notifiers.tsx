// Who is told of events: each notifier with what it told, a message to try it, and its form.
import { useState } from 'preact/hooks'
import type { NotifyReport } from '../../../core/notify.ts'
import { number } from '../../format/number.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Said } from '../../parts/said.tsx'
import { NotifyBadge } from '../../parts/state-badges.tsx'
import { Empty, ErrorView } from '../../parts/states.tsx'
import { StepList } from '../../parts/steps.tsx'
import { Age } from '../../parts/time.tsx'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { NotifierForm } from './notifier-form.tsx'

export function Notifiers({ reports }: { readonly reports: readonly NotifyReport[] }) {
  const [edited, setEdited] = useState<string | undefined>()
  if (reports.length === 0 && !may('admin')) return null
  return (
    <section class="notifiers" aria-label={t('notifiers')}>
      <header class="card-head">
        <h2>{t('notifiers')}</h2>
        {may('admin') && (
          <div class="actions">
            <button type="button" onClick={() => setEdited('')}>
              {t('notify.add')}
            </button>
          </div>
        )}
      </header>
      {reports.length === 0 && <Empty title={t('notify.none')}>{t('notify.noneText')}</Empty>}
      {reports.map((it) => (
        <Notifier key={it.name} report={it} edit={() => setEdited(it.name)} />
      ))}
      {edited !== undefined && <NotifierForm name={edited === '' ? undefined : edited} onClose={() => setEdited(undefined)} />}
    </section>
  )
}

function Notifier({ report, edit }: { readonly report: NotifyReport; readonly edit: () => void }) {
  const { name, state, lastError, code, remedy } = report
  const test = useRows('notify test')
  const isTested = test.isRunning || test.rows.length > 0 || test.error !== undefined
  return (
    <Card
      title={
        <>
          {name} <NotifyBadge state={state} />
        </>
      }
      actions={
        <>
          {may('technician') && <Button onPress={() => test.start({ name })}>{t('notify.try')}</Button>}
          {may('admin') && (
            <button type="button" aria-label={t('notify.edit', { name })} onClick={edit}>
              {t('edit')}
            </button>
          )}
        </>
      }
    >
      {isTested && (
        <section class="tested" aria-label={t('notify.tried', { name })}>
          <StepList steps={test.rows} isRunning={test.isRunning} />
          {test.error !== undefined && <ErrorView error={test.error} />}
        </section>
      )}
      <Figures report={report} />
      {lastError !== undefined && <Said text={lastError} code={code} remedy={remedy} />}
    </Card>
  )
}

function Figures({ report: { sent, heldBack, missed, lastSent } }: { readonly report: NotifyReport }) {
  const counts = [
    ['notify.sent', sent],
    ['notify.heldBack', heldBack],
    ...(missed > 0 ? [['notify.missed', missed] as const] : []),
  ] as const
  return (
    <dl class="figures">
      {counts.map(([word, count]) => (
        <div key={word}>
          <dt>{t(word)}</dt>
          <dd>
            <span class="figure">{number(count, 0)}</span>
          </dd>
        </div>
      ))}
      {lastSent !== null && (
        <div>
          <dt>{t('notify.lastSent')}</dt>
          <dd>
            <span class="figure">
              <Age micros={lastSent} />
            </span>
          </dd>
        </div>
      )}
    </dl>
  )
}
