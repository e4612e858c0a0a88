// What goes out: each uplink with its state, what it sends now and why not, its links, budgets and hours.
import '../../more.css'
import { useState } from 'preact/hooks'
import type { UplinkView } from '../../../core/links.ts'
import type { UplinkReport } from '../../../core/status.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { useRows } from '../../parts/hooks.ts'
import { useRepeated } from '../../parts/repeated.ts'
import { UplinkBadge } from '../../parts/state-badges.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { StepList } from '../../parts/steps.tsx'
import { Time } from '../../parts/time.tsx'
import { number, rate } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { Said, SaidLine } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { ClassesNow, Links, Windows } from './ways.tsx'
import { UplinkForm } from './form.tsx'
import { Notifiers } from './notifiers.tsx'

const EVERY_MS = 3_000
export function Uplinks() {
  const { data: views, error, again } = useRepeated('uplinks', {}, EVERY_MS)
  const [edited, setEdited] = useState<string | undefined>()
  const reports = status.value?.uplinks
  return (
    <>
      <PageHead title={t('uplinks')} text={t('uplinks.about')}>
        {may('admin') && (
          <button type="button" onClick={() => setEdited('')}>
            {t('uplinks.add')}
          </button>
        )}
      </PageHead>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!views && error === undefined && <Waiting />}
      {views?.length === 0 && <Empty title={t('uplinks.none')}>{t('uplinks.noneText')}</Empty>}
      {views?.map((it) => (
        <UplinkCard
          key={it.name}
          view={it}
          report={reports?.find((own) => own.name === it.name)}
          edit={() => setEdited(it.name)}
        />
      ))}
      <Notifiers reports={status.value?.notify ?? []} />
      {edited !== undefined && <UplinkForm name={edited === '' ? undefined : edited} onClose={() => setEdited(undefined)} />}
    </>
  )
}

interface CardProps {
  readonly view: UplinkView
  readonly report: UplinkReport | undefined
  readonly edit: () => void
}

function UplinkCard({ view, report, edit }: CardProps) {
  const test = useRows('uplinks test')
  const actions = (
    <>
      {may('technician') && <Button onPress={() => test.start({ name: view.name })}>{t('test')}</Button>}
      {may('admin') && (
        <button type="button" onClick={edit}>
          {t('edit')}
        </button>
      )}
    </>
  )
  const isTested = test.isRunning || test.rows.length > 0 || test.error !== undefined
  return (
    <Card
      title={
        <>
          {view.name} <UplinkBadge state={view.state} />
        </>
      }
      actions={actions}
    >
      {isTested && (
        <section class="tested" aria-label={t('uplinks.tested', { name: view.name })}>
          <StepList steps={test.rows} isRunning={test.isRunning} />
          {test.error !== undefined && <ErrorView error={test.error} />}
        </section>
      )}
      {report && <Figures report={report} />}
      <Trouble view={view} report={report} />
      <div class="cards ways">
        <ClassesNow view={view} />
        <Links view={view} />
      </div>
      <Windows view={view} />
    </Card>
  )
}

function Figures({ report }: { readonly report: UplinkReport }) {
  const { lagReadings, lagSeconds, readingsPerSecond, lane, etaSeconds, parked, transactions, guarantee } = report
  const sent = lane.live + lane.backlog
  return (
    <>
      <dl class="figures">
        <Figure label={t('uplinks.rate')} value={rate(readingsPerSecond)} unit={t('perSecond')} />
        <Figure label={t('uplinks.lag')} value={number(lagReadings, 0)} unit={t('readingsUnit')} />
        <Figure label={t('uplinks.lagTime')} value={duration(lagSeconds)} />
        <Figure label={t('uplinks.eta')} value={etaSeconds === null ? '—' : duration(etaSeconds)} />
        <Figure label={t('uplinks.transactions')} value={number(transactions, 0)} />
        {parked > 0 && <Figure label={t('uplinks.parked')} value={number(parked, 0)} unit={t('readingsUnit')} />}
      </dl>
      {guarantee && <p class="hint">{t('uplinks.atLeastOnce')}</p>}
      {sent > 0 && <Lanes live={lane.live} backlog={lane.backlog} />}
    </>
  )
}

export function Figure({ label, value, unit }: { readonly label: string; readonly value: string; readonly unit?: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <span class="figure">{value}</span>
        {unit !== undefined && <span class="unit">&nbsp;{unit}</span>}
      </dd>
    </div>
  )
}

/** What of the readings under way is new, and what had waited. */
function Lanes({ live, backlog }: { readonly live: number; readonly backlog: number }) {
  const share = live / (live + backlog)
  return (
    <figure class="lanes">
      <svg
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        role="img"
        aria-label={t('uplinks.lanes', { live: number(live, 0), backlog: number(backlog, 0) })}
      >
        <rect class="lane-backlog" width="100" height="4" />
        <rect class="lane-live" width={share * 100} height="4" />
      </svg>
      <figcaption>
        <ul class="legend">
          <li class="lane-live">
            {t('uplinks.live')} {number(live, 0)}
          </li>
          <li class="lane-backlog">
            {t('uplinks.backlog')} {number(backlog, 0)}
          </li>
        </ul>
      </figcaption>
    </figure>
  )
}

function Trouble({ view, report }: { readonly view: UplinkView; readonly report: UplinkReport | undefined }) {
  const blocked = report?.blocked ?? []
  return (
    <>
      {blocked.map((it) => (
        <p key={it.code + it.classes.join()} class="notice">
          <Badge tone="problem">{it.classes.join(', ')}</Badge> {it.text} <CodeLink code={it.code} />
        </p>
      ))}
      {view.wait && (
        <p>
          <Badge tone="info">{t('uplinks.waits')}</Badge> <SaidLine text={view.wait.text} />{' '}
          {view.wait.until !== undefined && (
            <>
              {t('until')} <Time micros={view.wait.until} />
            </>
          )}{' '}
          <CodeLink code={view.wait.code} />
        </p>
      )}
      {view.lastError !== null && view.state !== 'up' && (
        <div class="notice">
          <p>
            <Badge tone="attention">{t('uplinks.lastError')}</Badge>
          </p>
          <Said text={view.lastError} remedy={report?.remedy} />
        </div>
      )}
    </>
  )
}

function CodeLink({ code }: { readonly code: string }) {
  return (
    <a href={`/about/manual?code=${encodeURIComponent(code)}`}>
      <code>{code}</code>
    </a>
  )
}
