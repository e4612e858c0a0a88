// Certificates that far ends have shown: what waits is let in by its fingerprint.
import { useEffect } from 'preact/hooks'
import type { Certificate } from '../../../core/source.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { useRows } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { say } from '../../parts/toast.tsx'
import { t } from '../../words/index.ts'

export function Certificates({ source }: { readonly source: string }) {
  const list = useRows('sources trust')
  const trust = useRows('sources trust')
  const ask = () => list.start({ name: source })
  useEffect(() => void ask(), [source])
  const accept = async (it: Certificate) => {
    if (await trust.start({ name: source, fingerprint: it.fingerprint })) say(t('certificates.accepted', { subject: it.subject }))
    await ask()
  }
  return (
    <Card title={t('certificates')} actions={<Button onPress={ask}>{t('refresh')}</Button>}>
      {list.isRunning && list.rows.length === 0 && <Waiting />}
      {!list.isRunning && list.rows.length === 0 && list.error === undefined && <p class="quiet">{t('certificates.none')}</p>}
      <ul class="issues">
        {list.rows.map((it) => (
          <li key={it.fingerprint}>
            <Badge tone={it.state === 'trusted' ? 'ok' : 'attention'}>{t(`certificates.${it.state}`)}</Badge>
            <div>
              <strong>{it.subject}</strong>
              <p>
                SHA-1 <code class="fingerprint">{it.fingerprint}</code>
              </p>
              <p class="quiet">{t('certificates.valid', { from: day(it.validFrom), to: day(it.validTo) })}</p>
            </div>
            <div class="actions">
              <CopyButton text={it.fingerprint} />
              {it.state === 'rejected' && (
                <Button kind="main" onPress={() => accept(it)}>
                  {t('certificates.trust')}
                </Button>
              )}
            </div>
          </li>
        ))}
      </ul>
      {[list.error, trust.error].map((error, at) => error !== undefined && <ErrorView key={at} error={error} />)}
    </Card>
  )
}

const day = (iso: string) => iso.slice(0, 10)
