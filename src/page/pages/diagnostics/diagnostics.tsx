// How the machine is, and what support asks for.
import '../../more.css'
import { useState } from 'preact/hooks'
import type { HostStatus } from '../../../core/status.ts'
import { rows } from '../../api/client.ts'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Logs } from './logs.tsx'
import { Probe } from './probe.tsx'
import { SeenIssues } from '../../parts/seen-issues.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Icon } from '../../parts/icon.tsx'
import { save } from '../../parts/save.ts'
import { Spark } from '../../parts/spark.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { bytes, number, percent } from '../../format/number.ts'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { trend } from '../../state/trend.ts'
import type { WordKey } from '../../words/index.ts'
import { t } from '../../words/index.ts'

export function Diagnostics() {
  return (
    <>
      <PageHead title={t('diagnostics')} text={t('diagnostics.about')} />
      <Resources />
      <SeenIssues />
      {may('technician') && (
        <>
          <Probe />
          <Logs />
        </>
      )}
      <div class="cards">
        <Bundle />
        <Metrics />
      </div>
    </>
  )
}

interface Resource {
  readonly title: WordKey
  readonly of: (it: HostStatus) => number | null
  readonly text: (it: HostStatus) => string
}

const RESOURCES: readonly Resource[] = [
  {
    title: 'diagnostics.cpu',
    of: (it) => it.cpu.loadPercent,
    text: (it) => t('diagnostics.cpuText', { load: percent(it.cpu.loadPercent / 100), n: it.cpu.cores }),
  },
  {
    title: 'diagnostics.memory',
    of: (it) => it.memory.usedBytes,
    text: (it) => t('diagnostics.ofAll', { part: bytes(it.memory.usedBytes), all: bytes(it.memory.bytes) }),
  },
  { title: 'diagnostics.agent', of: (it) => it.memory.agentBytes, text: (it) => bytes(it.memory.agentBytes) },
  {
    title: 'diagnostics.disk',
    of: (it) => it.disk.bytes - it.disk.freeBytes,
    text: (it) => t('diagnostics.free', { part: bytes(it.disk.freeBytes), all: bytes(it.disk.bytes) }),
  },
  { title: 'diagnostics.temperature', of: (it) => it.temperature, text: (it) => `${number(it.temperature ?? 0, 1)} °C` },
]

function Resources() {
  const now = status.value
  if (!now) return <Waiting />
  const { clock, log } = now
  return (
    <Card title={t('diagnostics.resources')}>
      <div class="resources">
        {RESOURCES.filter((it) => it.of(now.host) !== null).map((it) => (
          <section key={it.title}>
            <h3>{t(it.title)}</h3>
            <p>{it.text(now.host)}</p>
            <Spark values={trend.value.map((own) => it.of(own.host) ?? 0)} label={t('diagnostics.over', { what: t(it.title) })} />
          </section>
        ))}
        <section>
          <h3>{t('diagnostics.fsync')}</h3>
          <p>{t('diagnostics.fsyncText', { p50: number(log.commitMs.p50, 1), p99: number(log.commitMs.p99, 1) })}</p>
        </section>
        <section>
          <h3>{t('diagnostics.clock')}</h3>
          <p>
            {clock.synchronised ? t('diagnostics.synchronised') : t('diagnostics.notSynchronised')}
            {clock.offsetMs !== null && ` (${number(clock.offsetMs, 1)} ms)`}
          </p>
        </section>
      </div>
    </Card>
  )
}

function Bundle() {
  const [error, setError] = useState<unknown>()
  const [size, setSize] = useState<number | undefined>()
  const download = async () => {
    setError(undefined)
    try {
      const pieces: Uint8Array[] = []
      for await (const it of rows('diagnostics', {}, new AbortController().signal)) pieces.push(it.bytes)
      setSize(pieces.reduce((sum, it) => sum + it.length, 0))
      save(
        `holdfast-${status.value?.device ?? 'box'}-${new Date().toISOString().slice(0, 10)}.tar.gz`,
        pieces,
        'application/gzip',
      )
    } catch (it) {
      setError(it)
    }
  }
  return (
    <Card title={t('diagnostics.bundle')}>
      <p>{t('diagnostics.bundleText')}</p>
      {may('technician') ? (
        <Button kind="main" onPress={download}>
          <Icon name="download" />
          {t('diagnostics.download')}
        </Button>
      ) : (
        <p class="quiet">{t('notAllowed', { role: t('role.technician') })}</p>
      )}
      {size !== undefined && <p role="status">{t('diagnostics.downloaded', { bytes: bytes(size) })}</p>}
      {error !== undefined && <ErrorView error={error} retry={download} />}
    </Card>
  )
}

function Metrics() {
  const address = `${location.origin}/metrics`
  return (
    <Card title={t('diagnostics.metrics')}>
      <p>{t('diagnostics.metricsText')}</p>
      <p>
        <code class="fingerprint">{address}</code>
      </p>
      <CopyButton text={address} />
    </Card>
  )
}
