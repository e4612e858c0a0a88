// The certificate of this page: what it is, and another one in its place. Connections that are open go on with the one that they began with.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { AreaField } from '../../parts/area-field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { say } from '../../parts/toast.tsx'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'

export function Certificate() {
  const { data, error, again } = useCall('certificate show', {})
  return (
    <Card title={t('security.certificate')}>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      {data && (
        <>
          <p>{data.isOwners ? t('security.ownersCertificate') : t('security.madeCertificate')}</p>
          <p>
            {t('security.fingerprint')}
            <br />
            <code class="fingerprint">{data.fingerprint}</code>
          </p>
          <p class="quiet">{t('certificate.names', { names: data.names.join(', ') })}</p>
          <div class="actions">
            <CopyButton text={data.fingerprint} />
            <span class="quiet">
              {t('security.validTo')} <Time micros={Date.parse(data.validTo) * 1_000} isWithDate />
            </span>
          </div>
        </>
      )}
      {may('technician') && <Change again={again} />}
    </Card>
  )
}

type Dialogs = 'replace' | 'renew' | undefined

function Change({ again }: { readonly again: () => unknown }) {
  const [dialog, setDialog] = useState<Dialogs>()
  const [request, setRequest] = useState<string>()
  const { error, attempt } = useAttempt()
  const close = () => setDialog(undefined)
  const done = () => {
    close()
    say(t('certificate.changed'))
    again()
  }
  const ask = () => attempt(async () => setRequest((await call('certificate request', {})).request))
  return (
    <>
      <div class="actions">
        <Button onPress={() => setDialog('replace')}>{t('certificate.replace')}</Button>
        <Button onPress={ask}>{t('certificate.request')}</Button>
        <Button onPress={() => setDialog('renew')}>{t('certificate.renew')}</Button>
      </div>
      {error !== undefined && <ErrorView error={error} />}
      {dialog === 'replace' && <Replace onClose={close} done={done} />}
      {dialog === 'renew' && (
        <ActionDialog
          title={t('certificate.renew')}
          onClose={close}
          action={{
            text: t('certificate.renew'),
            work: async () => {
              await call('certificate renew', {})
              done()
            },
          }}
        >
          <p>{t('certificate.renewAbout')}</p>
        </ActionDialog>
      )}
      {request !== undefined && (
        <Dialog
          title={t('certificate.request')}
          onClose={() => setRequest(undefined)}
          isWide
          actions={<CopyButton text={request} label={t('certificate.copy')} />}
        >
          <p>{t('certificate.requestAbout')}</p>
          <pre>{request}</pre>
        </Dialog>
      )}
    </>
  )
}

function Replace({ onClose, done }: { readonly onClose: () => void; readonly done: () => void }) {
  const [cert, setCert] = useState('')
  const [key, setKey] = useState('')
  const replace = async () => {
    await call('certificate replace', { cert, ...(key.trim() !== '' && { key }) })
    done()
  }
  return (
    <ActionDialog
      title={t('certificate.replace')}
      onClose={onClose}
      isWide
      action={{ text: t('certificate.replace'), work: replace, disabled: cert.trim() === '' }}
    >
      <AreaField rows={6} label={t('certificate.cert')} hint={t('certificate.certHint')} value={cert} onInput={setCert} />
      <AreaField rows={6} label={t('certificate.key')} hint={t('certificate.keyHint')} value={key} onInput={setKey} isSecret />
    </ActionDialog>
  )
}
