// A bundle from this browser, in pieces, or from an address that the box fetches from.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { Field } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Progress } from '../../parts/progress.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { upload, uploadError, uploadShare } from '../../state/upload.ts'
import { t } from '../../words/index.ts'

export function Upload({ again }: { readonly again: () => void }) {
  const [url, setUrl] = useState('')
  const { error, attempt } = useAttempt()
  const share = uploadShare.value
  const failed = uploadError.value ?? error
  const take = async (file: File | undefined) => {
    if (!file) return
    await upload(file)
    again()
  }
  const fetchIt = () =>
    attempt(async () => {
      uploadError.value = undefined
      await call('update install', { from: { url } })
      again()
    })
  return (
    <Card title={t('update.install')}>
      <p>{t('update.installText')}</p>
      {share === undefined ? (
        <label class="button file-button">
          <Icon name="upload" />
          {t('update.choose')}
          <input
            class="unseen"
            type="file"
            accept=".raucb"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? []
              // The same file may be chosen again.
              event.currentTarget.value = ''
              void take(file)
            }}
          />
        </label>
      ) : (
        <Progress label={t('update.uploading')} share={share} />
      )}
      <Field label={t('update.fromAddress')}>
        {(ties) => (
          <input
            {...ties}
            type="url"
            placeholder="https://"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
            autocomplete="off"
          />
        )}
      </Field>
      <Button onPress={fetchIt} disabled={!url.startsWith('https://')}>
        {t('update.fetch')}
      </Button>
      {failed !== undefined && <ErrorView error={failed} />}
    </Card>
  )
}
