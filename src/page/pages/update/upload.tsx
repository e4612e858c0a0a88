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
import { t } from '../../words/index.ts'

const PIECE_BYTES = 3_000_000

export function Upload({ again }: { readonly again: () => void }) {
  const [share, setShare] = useState<number | undefined>()
  const [url, setUrl] = useState('')
  const { error, attempt } = useAttempt()
  const take = (file: File | undefined) =>
    attempt(async () => {
      if (!file) return
      try {
        setShare(0)
        for (let offset = 0; offset < file.size; offset += PIECE_BYTES) {
          const piece = await file.slice(offset, offset + PIECE_BYTES).arrayBuffer()
          await call('update take', { offset, base64: base64Of(new Uint8Array(piece)) })
          setShare(Math.min(1, (offset + PIECE_BYTES) / file.size))
        }
        await call('update install', { from: { taken: true } })
        again()
      } finally {
        setShare(undefined)
      }
    })
  const fetchIt = () =>
    attempt(async () => {
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
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}

function base64Of(piece: Uint8Array): string {
  const CHUNK = 32_768
  let text = ''
  for (let at = 0; at < piece.length; at += CHUNK) text += String.fromCharCode(...piece.subarray(at, at + CHUNK))
  return btoa(text)
}
