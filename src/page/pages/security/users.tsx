import { useState } from 'preact/hooks'
import type { User } from '../../../core/access.ts'
import type { OperatorRole } from '../../../core/operator.ts'
import { OPERATOR_ROLES } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { say } from '../../parts/toast.tsx'
import { user as me } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { NewPasswordField } from './new-password-field.tsx'

/** What is being done: a new user, or one that is changed. */
type Shown = 'new' | User

export function Users() {
  const { data, error, again } = useCall('users list', {})
  const [shown, setShown] = useState<Shown | undefined>()
  const done = () => {
    setShown(undefined)
    again()
  }
  return (
    <Card
      title={t('security.users')}
      actions={
        <button type="button" onClick={() => setShown('new')}>
          {t('security.addUser')}
        </button>
      }
    >
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {data ? (
        <Table caption={t('security.users')} columns={columns(setShown)} rows={data} keyOf={(it) => it.name} />
      ) : (
        error === undefined && <Waiting />
      )}
      {shown === 'new' && <NewUser onClose={() => setShown(undefined)} done={done} />}
      {shown !== undefined && shown !== 'new' && <ChangeUser user={shown} onClose={() => setShown(undefined)} done={done} />}
    </Card>
  )
}

const columns = (edit: (it: User) => void): Column<User>[] => [
  {
    key: 'name',
    title: t('name'),
    isName: true,
    cell: (it) => (
      <>
        {it.name} {it.name === me.value?.name && <Badge tone="info">{t('security.you')}</Badge>}
      </>
    ),
  },
  { key: 'role', title: t('security.role'), cell: (it) => t(`role.${it.role}`) },
  { key: 'at', title: t('security.since'), cell: (it) => <Time micros={it.at} isWithDate /> },
  { key: 'by', title: t('security.by'), cell: (it) => it.by },
  {
    key: 'edit',
    title: <span class="unseen">{t('edit')}</span>,
    cell: (it) => (
      <button type="button" aria-label={t('security.changeUser', { name: it.name })} onClick={() => edit(it)}>
        {t('edit')}
      </button>
    ),
  },
]

export function RoleField({ value, onInput }: { readonly value: OperatorRole; readonly onInput: (role: OperatorRole) => void }) {
  return (
    <SelectField
      label={t('security.role')}
      hint={t(`security.may.${value}`)}
      value={value}
      choices={OPERATOR_ROLES.map((it) => ({ value: it, text: t(`role.${it}`) }))}
      onInput={(it) => onInput(it as OperatorRole)}
    />
  )
}

interface DialogProps {
  readonly onClose: () => void
  readonly done: () => void
}

function NewUser({ onClose, done }: DialogProps) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<OperatorRole>('technician')
  const [password, setPassword] = useState('')
  const add = async () => {
    await call('users add', { name, role, password })
    done()
  }
  return (
    <ActionDialog
      title={t('security.addUser')}
      onClose={onClose}
      action={{ text: t('security.addUser'), work: add, disabled: name === '' || password === '' }}
    >
      <TextField label={t('name')} value={name} autocomplete="off" onInput={(it) => setName(it.trim())} />
      <RoleField value={role} onInput={setRole} />
      <NewPasswordField label={t('security.firstPassword')} value={password} onInput={setPassword} />
    </ActionDialog>
  )
}

function ChangeUser({ user, onClose, done }: DialogProps & { readonly user: User }) {
  const [role, setRole] = useState(user.role)
  const [password, setPassword] = useState('')
  const save = async () => {
    if (role !== user.role) await call('users role', { name: user.name, role })
    if (password !== '') await call('users password', { name: user.name, password })
    say(t('security.userChanged', { name: user.name }))
    done()
  }
  const [isGoing, setGoing] = useState(false)
  if (isGoing) return <RemoveUser name={user.name} onClose={onClose} done={done} />
  return (
    <ActionDialog
      title={user.name}
      onClose={onClose}
      action={{ text: t('security.save'), work: save, disabled: role === user.role && password === '' }}
      other={{ text: `${t('remove')} …`, kind: 'danger', work: () => setGoing(true) }}
    >
      <RoleField value={role} onInput={setRole} />
      <NewPasswordField
        label={t('security.newPassword')}
        hint={t('security.endsSessions')}
        value={password}
        onInput={setPassword}
      />
    </ActionDialog>
  )
}

/** Says what ends with it, first. */
function RemoveUser({ name, onClose, done }: DialogProps & { readonly name: string }) {
  const sessions = useCall('sessions list', {})
  const own = sessions.data?.filter((it) => it.user === name)
  const remove = async () => {
    await call('users remove', { name })
    say(t('security.userRemoved', { name }))
    done()
  }
  return (
    <ActionDialog
      title={t('removeName', { name })}
      onClose={onClose}
      action={{ text: t('remove'), kind: 'danger', work: remove }}
    >
      <p>{t('security.removeUserText', { name })}</p>
      {own && <p>{t('security.removeUserSessions', { n: own.length })}</p>}
      <ul class="lines">
        {own?.map((it) => (
          <li key={it.id}>
            <code>{it.address}</code> {t('security.since')} <Time micros={it.at} isWithDate />
          </li>
        ))}
      </ul>
      <p class="quiet">{t('security.removeUserStays')}</p>
    </ActionDialog>
  )
}
