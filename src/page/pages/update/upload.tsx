// A bundle from this browser, in pieces, or from an address that the box fetches from.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { Field } from '../../parts/field.tsx'
import { FileButton } from '../../parts/file-button.tsx'
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
        <FileButton text={t('update.choose')} accept=".raucb" onChoose={take} />
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
