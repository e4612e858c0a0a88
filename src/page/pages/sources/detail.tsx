import { useLocation } from 'preact-iso'
import { useEffect, useState } from 'preact/hooks'
import type { SourceReport } from '../../../core/status.ts'
import { rate } from '../../format/number.ts'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { SeenIssues } from '../../parts/seen-issues.tsx'
import { SourceBadge } from '../../parts/state-badges.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { StepList } from '../../parts/steps.tsx'
import { Age } from '../../parts/time.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { Said } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { Certificates } from './certificates.tsx'
import { LiveValues } from './live-values.tsx'
import { pathOf } from './paths.ts'
import { protocolName } from './protocol-name.ts'
import { Statistics } from './statistics.tsx'

export function Detail({ name }: { readonly name: string }) {
  const it = status.value?.sources.find((one) => one.name === name)
  if (!status.value) return <Waiting />
  if (!it) return <Empty title={t('sources.noSuch', { name })} />
  return (
    <>
      <p class="crumb">
        <a href="/sources">
          <Icon name="left" /> {t('sources')}
        </a>
      </p>
      <PageHead title={it.name} text={protocolName(it.protocol)}>
        <Actions it={it} />
      </PageHead>
      <State it={it} />
      <div class="cards">
        <Test name={name} />
        <Statistics it={it} />
      </div>
      <LiveValues source={name} />
      <SeenIssues source={name} />
      {may('technician') && it.protocol === 'opcua' && <Certificates source={name} />}
    </>
  )
}

function Actions({ it }: { readonly it: SourceReport }) {
  const { route } = useLocation()
  const [error, setError] = useState<unknown>()
  const remove = () =>
    propose({
      title: t('sources.removeTitle', { name: it.name }),
      edit: async (text) => (await import('../../settings-text/entries.ts')).removeEntry(text, 'sources', it.name),
      applied: () => route('/sources'),
    }).catch(setError)
  return (
    <>
      {may('technician') && (
        <a class="button" href={pathOf(it.name, 'browse')}>
          <Icon name="browser" /> {t('browser')}
        </a>
      )}
      <a class="button" href={`/tags?source=${encodeURIComponent(it.name)}`}>
        <Icon name="tags" /> {t('tags')}
      </a>
      {may('admin') && (
        <>
          <a class="button" href={pathOf(it.name, 'edit')}>
            <Icon name="edit" /> {t('edit')}
          </a>
          <Button onPress={remove} kind="danger">
            <Icon name="trash" /> {t('remove')}
          </Button>
        </>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </>
  )
}

function State({ it }: { readonly it: SourceReport }) {
  return (
    <Card>
      <div class="figures">
        <SourceBadge state={it.state} />
        <span>
          <strong class="figure">{rate(it.readingsPerSecond)}</strong> <span class="unit">{t('perSecond')}</span>
        </span>
        <span>
          <span class="quiet">{t('sources.lastReading')}</span> {it.lastReading === null ? '—' : <Age micros={it.lastReading} />}
        </span>
      </div>
      {it.lastError !== undefined && (
        <>
          {it.state === 'up' && <p class="quiet">{t('sources.before')}</p>}
          <Said text={it.lastError} code={it.code} remedy={it.remedy} isPast={it.state === 'up' && it.remedy === undefined} />
        </>
      )}
    </Card>
  )
}

function Test({ name }: { readonly name: string }) {
  const { query } = useLocation()
  const test = useRows('sources test')
  useEffect(() => {
    if (query['test'] !== undefined && may('technician')) void test.start({ name })
  }, [name])
  const hasRun = test.isRunning || test.rows.length > 0 || test.error !== undefined
  return (
    <Card
      title={t('sources.test')}
      actions={may('technician') && <Button onPress={() => test.start({ name })}>{t('sources.testNow')}</Button>}
    >
      {hasRun ? <StepList steps={test.rows} isRunning={test.isRunning} /> : <p class="quiet">{t('sources.testText')}</p>}
      {test.error !== undefined && <ErrorView error={test.error} retry={() => test.start({ name })} />}
    </Card>
  )
}
