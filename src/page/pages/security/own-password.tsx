import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { say } from '../../parts/toast.tsx'
import { user } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { NewPasswordField } from './new-password-field.tsx'

export function OwnPassword() {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const { error, attempt } = useAttempt()
  const change = () =>
    attempt(async () => {
      await call('password change', { current, password })
      setCurrent('')
      setPassword('')
      say(t('security.passwordChanged'))
    })
  return (
    <Card title={t('security.ownPassword')}>
      <form onSubmit={(event) => event.preventDefault()}>
        <input
          class="unseen"
          type="text"
          autocomplete="username"
          value={user.value?.name ?? ''}
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <TextField
          label={t('security.current')}
          type="password"
          autocomplete="current-password"
          value={current}
          onInput={setCurrent}
        />
        <NewPasswordField label={t('security.newPassword')} value={password} onInput={setPassword} />
        {error !== undefined && <ErrorView error={error} />}
        <Button type="submit" onPress={change} disabled={current === '' || password === ''}>
          {t('security.changePassword')}
        </Button>
      </form>
    </Card>
  )
}
