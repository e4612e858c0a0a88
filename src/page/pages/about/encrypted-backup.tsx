// All that makes this box what it is, as one file that a passphrase opens.
import { useState } from 'preact/hooks'
import { PASSPHRASE_CHARS_LEAST, PASSPHRASE_CHARS_MAX } from '../../../core/bounds.ts'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { isAt } from '../../parts/error-at.ts'
import { TextField } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { save } from '../../parts/save.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'

/** What the serial console takes of a keyboard. */
const TYPED_ANYWHERE = /^[ -~]*$/

export function EncryptedBackup() {
  return (
    <Card title={t('backup.make')}>
      <p>{t('backup.makeText')}</p>
      {may('admin') ? <Passphrase /> : <p class="quiet">{t('notAllowed', { role: t('role.admin') })}</p>}
    </Card>
  )
}

function Passphrase() {
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const [isMaking, setMaking] = useState(false)
  const [made, setMade] = useState<string | undefined>()
  const { error, attempt } = useAttempt()
  const make = () =>
    attempt(async () => {
      setMade(undefined)
      setMaking(true)
      try {
        const { name, file } = await call('backup save', { passphrase })
        save(name, file, 'application/octet-stream')
        setMade(name)
        setPassphrase('')
        setAgain('')
      } finally {
        setMaking(false)
      }
    })
  const isWrong = isAt(error, 'passphrase')
  const isOther = again !== '' && !passphrase.startsWith(again)
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <TextField
        label={t('backup.passphraseNew')}
        type="password"
        autocomplete="new-password"
        hint={
          <>
            {t('backup.passphraseHint', { n: PASSPHRASE_CHARS_LEAST })} {t('backup.passphraseKeep')}
            {!TYPED_ANYWHERE.test(passphrase) && <strong> {t('backup.passphraseKeys')}</strong>}
          </>
        }
        error={isWrong ? t('backup.passphraseWrong', { n: PASSPHRASE_CHARS_LEAST, most: PASSPHRASE_CHARS_MAX }) : undefined}
        value={passphrase}
        disabled={isMaking}
        onInput={setPassphrase}
      />
      <TextField
        label={t('backup.again')}
        type="password"
        autocomplete="new-password"
        error={isOther ? t('backup.notSame') : undefined}
        value={again}
        disabled={isMaking}
        onInput={setAgain}
      />
      <Button type="submit" kind="main" onPress={make} disabled={passphrase === '' || again !== passphrase}>
        <Icon name="download" />
        {t('backup.makeIt')}
      </Button>
      {isMaking && <Waiting text={t('backup.making')} />}
      {made !== undefined && (
        <p role="status">
          <Badge tone="ok">{t('backup.ready')}</Badge> {t('backup.made', { name: made })}
        </p>
      )}
      {error !== undefined && !isWrong && <ErrorView error={error} />}
    </form>
  )
}
