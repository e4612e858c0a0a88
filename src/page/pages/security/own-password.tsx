import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { say } from '../../parts/toast.tsx'
import { user } from '../../state/session.ts'
import { t } from '../../words/index.ts'

export function OwnPassword() {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>()
  const change = async () => {
    setError(undefined)
    try {
      await call('password change', { current, password })
      setCurrent('')
      setPassword('')
      say(t('security.passwordChanged'))
    } catch (it) {
      setError(it)
    }
  }
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
        <TextField
          label={t('security.newPassword')}
          hint={t('security.passwordHint')}
          type="password"
          autocomplete="new-password"
          value={password}
          onInput={setPassword}
        />
        {error !== undefined && <ErrorView error={error} />}
        <Button type="submit" onPress={change} disabled={current === '' || password === ''}>
          {t('security.changePassword')}
        </Button>
      </form>
    </Card>
  )
}
