// Whether the claim code, typed at the console, sets an admin's password. Nothing of the settings file: it stands with users and sessions.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { DiffView } from '../../parts/diff.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { say } from '../../parts/toast.tsx'
import { t } from '../../words/index.ts'

export function ResetByCode() {
  const { data, error, again } = useCall('access reset', {})
  const [isAsked, ask] = useState(false)
  const done = () => {
    ask(false)
    again()
  }
  return (
    <Card
      title={t('security.reset')}
      actions={
        data && (
          <button type="button" onClick={() => ask(true)}>
            {t(data.allowed ? 'security.resetOff' : 'security.resetOn')}
          </button>
        )
      }
    >
      <p class="quiet">{t('security.resetAbout')}</p>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      {data && (
        <p>
          <Badge tone={data.allowed ? 'ok' : 'off'}>{word(data.allowed)}</Badge>
        </p>
      )}
      {isAsked && data && <Change isAllowed={data.allowed} onClose={() => ask(false)} done={done} />}
    </Card>
  )
}

interface ChangeProps {
  readonly isAllowed: boolean
  readonly onClose: () => void
  readonly done: () => void
}

function Change({ isAllowed, onClose, done }: ChangeProps) {
  const users = useCall('users list', {})
  const admins = users.data?.filter((it) => it.role === 'admin').length
  const change = async () => {
    await call('access reset', { allowed: !isAllowed })
    say(t(isAllowed ? 'security.resetIsOff' : 'security.resetIsOn'))
    done()
  }
  return (
    <ActionDialog
      title={t('security.reset')}
      onClose={onClose}
      action={{ text: t('apply'), kind: isAllowed ? 'danger' : 'main', work: change }}
    >
      <DiffView changes={[{ path: t('security.reset'), old: word(isAllowed), new: word(!isAllowed) }]} />
      <p>{t(isAllowed ? 'security.resetOffText' : 'security.resetOnText')}</p>
      {isAllowed && admins === 1 && (
        <p>
          <Badge tone="attention">{t('heed')}</Badge> {t('security.resetOneAdmin')}
        </p>
      )}
    </ActionDialog>
  )
}

const word = (isAllowed: boolean) => t(isAllowed ? 'security.resetAllowed' : 'security.resetForbidden')
