// Which box this is, what runs on it, and whose work it stands on.
import '../../more.css'
import { useState } from 'preact/hooks'
import { encode } from 'uqr'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import type { Licence } from './licences.ts'

export function About() {
  const it = status.value
  return (
    <>
      <PageHead title={t('about')} text="Holdfast" />
      <Card title={t('manual')}>
        <p>{t('about.manualText')}</p>
        <a class="button main" href="/about/manual">
          {t('about.openManual')}
        </a>
      </Card>
      <Card title={t('about.box')}>
        {it ? (
          <dl class="facts">
            <Fact name={t('about.device')} value={it.device} isCopied />
            <Fact name={t('about.site')} value={it.site === '' ? '—' : it.site} />
            <Fact name={t('about.version')} value={it.version} isCopied />
            <Fact name={t('about.epoch')} value={it.epoch} isCopied />
            <div>
              <dt>{t('about.started')}</dt>
              <dd>
                <Time micros={it.startedAt} isWithDate />
              </dd>
            </div>
          </dl>
        ) : (
          <Waiting />
        )}
      </Card>
      <Address />
      <Licences />
    </>
  )
}

function Fact({ name, value, isCopied = false }: { readonly name: string; readonly value: string; readonly isCopied?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <code>{value}</code> {isCopied && <CopyButton text={value} />}
      </dd>
    </div>
  )
}

function Licences() {
  const [all, setAll] = useState<readonly Licence[] | undefined>()
  const load = async () => setAll((await import('virtual:licences')).default)
  return (
    <Card title={t('about.licences')}>
      <p>{t('about.licencesText')}</p>
      {all ? (
        <ul class="lines licences">
          {all.map((it) => (
            <li key={it.name + it.version}>
              <code>
                {it.name} {it.version}
              </code>{' '}
              <span class="quiet">{it.licence}</span>
            </li>
          ))}
        </ul>
      ) : (
        <Button onPress={load}>{t('about.showLicences')}</Button>
      )}
    </Card>
  )
}

/** For a phone that stands on the same network. */
function Address() {
  const { data, size } = encode(location.origin)
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : []))).join('')
  return (
    <Card title={t('about.address')}>
      <p>{t('about.addressText')}</p>
      <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={location.origin}>
        <path d={path} fill="#000" />
      </svg>
      <p>
        <code>{location.origin}</code> <CopyButton text={location.origin} />
      </p>
    </Card>
  )
}
