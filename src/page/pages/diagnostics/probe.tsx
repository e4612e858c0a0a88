// A way to a host, tried from the box: as the console's item does it.
import { useState } from 'preact/hooks'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { ErrorView } from '../../parts/states.tsx'
import { StepList } from '../../parts/steps.tsx'
import { t } from '../../words/index.ts'

const KINDS = ['ping', 'dns', 'tcp', 'tls'] as const
type Kind = (typeof KINDS)[number]

export function Probe() {
  const [kind, setKind] = useState<Kind>('ping')
  const [host, setHost] = useState('')
  const [port, setPort] = useState('')
  const { rows, error, isRunning, start } = useRows('probe')
  const hasPort = kind === 'tcp' || kind === 'tls'
  const run = () => start({ kind, host: host.trim(), ...(hasPort && port !== '' && { port: Number(port) }) })
  return (
    <Card title={t('diagnostics.probe')}>
      <p class="quiet">{t('diagnostics.probeAbout')}</p>
      <form onSubmit={(event) => event.preventDefault()}>
        <div class="fields">
          <SelectField
            label={t('diagnostics.probeKind')}
            value={kind}
            choices={KINDS.map((value) => ({ value, text: t(`diagnostics.probe.${value}`) }))}
            onInput={(it) => setKind(it as Kind)}
          />
          <TextField label={t('diagnostics.host')} value={host} placeholder="10.20.1.60" onInput={setHost} />
          {hasPort && (
            <TextField
              label={t('diagnostics.port')}
              hint={t('diagnostics.portHint')}
              value={port}
              inputMode="numeric"
              onInput={(it) => setPort(it.replaceAll(/\D/g, ''))}
            />
          )}
        </div>
        <Button kind="main" type="submit" onPress={run} disabled={host.trim() === ''}>
          {t('diagnostics.try')}
        </Button>
      </form>
      {(isRunning || rows.length > 0) && <StepList steps={rows} isRunning={isRunning} isProbe />}
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}
