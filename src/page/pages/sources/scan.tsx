// Asks the addresses of a part of the network whether something answers that a source could read.
import { useState } from 'preact/hooks'
import type { ScanFound, ScanStep } from '../../../core/scan.ts'
import { hostsOf } from '../../../core/scan.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Progress } from '../../parts/progress.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { t } from '../../words/index.ts'
import { protocolName } from './protocol-name.ts'

export function Scan({ onChoose }: { readonly onChoose: (it: ScanFound) => void }) {
  const scan = useRows('sources scan')
  const [address, setAddress] = useState('')
  const [problem, setProblem] = useState<string>()
  const [begun, setBegun] = useState(0)
  const start = async () => {
    const hosts = hostsOf(address.trim())
    setProblem(typeof hosts === 'string' ? t('scan.wrong') : undefined)
    if (typeof hosts === 'string') return
    setBegun(Date.now())
    await scan.start({ address: address.trim() })
  }
  const last = scan.rows.at(-1)
  return (
    <Card title={t('scan.title')}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void start()
        }}
      >
        <TextField
          label={t('scan.address')}
          hint={t('scan.hint')}
          placeholder="10.20.1.0/24"
          value={address}
          error={problem}
          onInput={setAddress}
        />
        <p class="actions">
          <Button onPress={start} kind="main">
            {t('scan.start')}
          </Button>
          {scan.isRunning && (
            <button type="button" onClick={scan.stop}>
              {t('stop')}
            </button>
          )}
        </p>
      </form>
      {scan.isRunning && (
        <Progress label={t('scan.title')} share={last ? last.done / last.all : undefined} secondsLeft={leftOf(last, begun)} />
      )}
      {scan.error !== undefined && <ErrorView error={scan.error} />}
      <Results steps={scan.rows} isRunning={scan.isRunning} onChoose={onChoose} />
    </Card>
  )
}

function leftOf(last: ScanStep | undefined, begun: number): number | null {
  return last ? ((Date.now() - begun) / 1000 / last.done) * (last.all - last.done) : null
}

interface ResultsProps {
  readonly steps: readonly ScanStep[]
  readonly isRunning: boolean
  readonly onChoose: (it: ScanFound) => void
}

function Results({ steps, isRunning, onChoose }: ResultsProps) {
  const found = steps.flatMap((it) => it.found)
  const held = steps.flatMap((it) => it.held.map((one) => ({ ...one, host: it.host })))
  const isOver = !isRunning && steps.length > 0
  return (
    <div aria-live="polite">
      {isOver && found.length === 0 && <p>{t('scan.none')}</p>}
      <ul class="issues">
        {found.map((it) => (
          <li key={it.protocol + it.address}>
            <strong>{protocolName(it.protocol)}</strong>
            <div>
              <code>{it.address}</code>
              <p class="quiet">{it.detail}</p>
            </div>
            <button type="button" onClick={() => onChoose(it)}>
              {t('scan.take')}
            </button>
          </li>
        ))}
      </ul>
      {held.map((it) => (
        <p key={it.host + it.source} class="quiet">
          {t('scan.held', { host: it.host, protocol: protocolName(it.protocol), source: it.source })}
        </p>
      ))}
    </div>
  )
}
