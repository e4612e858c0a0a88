// Tokens for scripts: the text of one is shown once, when it is made.
import { useState } from 'preact/hooks'
import type { ApiToken } from '../../../core/access.ts'
import type { OperatorRole } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'
import { RoleField } from './users.tsx'

const DAYS = [1, 30, 90, 365] as const
const DAY_US = 86_400_000_000

export function Tokens() {
  const { data, error, again } = useCall('tokens list', {})
  const [isMaking, setMaking] = useState(false)
  const [going, setGoing] = useState<ApiToken | undefined>()
  const columns: Column<ApiToken>[] = [
    { key: 'name', title: t('name'), isName: true, cell: (it) => it.name },
    { key: 'role', title: t('security.role'), cell: (it) => t(`role.${it.role}`) },
    {
      key: 'until',
      title: t('security.validTo'),
      cell: (it) => (
        <>
          <Time micros={it.until} isWithDate /> {it.until < Date.now() * 1_000 && <Badge tone="off">{t('security.over')}</Badge>}
        </>
      ),
    },
    {
      key: 'used',
      title: t('security.lastUsed'),
      cell: (it) => (it.used === null ? t('security.never') : <Time micros={it.used} />),
    },
    { key: 'by', title: t('security.by'), cell: (it) => it.by },
    {
      key: 'revoke',
      title: <span class="unseen">{t('security.revoke')}</span>,
      cell: (it) => (
        <button type="button" onClick={() => setGoing(it)} aria-label={t('security.revokeOf', { name: it.name })}>
          {t('security.revoke')}
        </button>
      ),
    },
  ]
  const close = () => {
    setMaking(false)
    setGoing(undefined)
    again()
  }
  return (
    <Card
      title={t('security.tokens')}
      actions={
        <button type="button" onClick={() => setMaking(true)}>
          {t('security.addToken')}
        </button>
      }
    >
      <p class="quiet">{t('security.tokensAbout')}</p>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      {data?.length === 0 && <Empty title={t('security.noTokens')} />}
      {data && data.length > 0 && <Table caption={t('security.tokens')} columns={columns} rows={data} keyOf={(it) => it.name} />}
      {isMaking && <NewToken onClose={close} />}
      {going && <RevokeToken token={going} onClose={() => setGoing(undefined)} done={close} />}
    </Card>
  )
}

interface RevokeProps {
  readonly token: ApiToken
  readonly onClose: () => void
  readonly done: () => void
}

/** Says what ends with it, first. */
function RevokeToken({ token: { name, role, used }, onClose, done }: RevokeProps) {
  const revoke = async () => {
    await call('tokens remove', { name })
    done()
  }
  return (
    <ActionDialog
      title={t('security.revokeOf', { name })}
      onClose={onClose}
      action={{ text: t('security.revoke'), kind: 'danger', work: revoke }}
    >
      <p>{t('security.revokeText', { name, role: t(`role.${role}`) })}</p>
      <p>
        {t('security.lastUsed')}: {used === null ? t('security.never') : <Time micros={used} isWithDate />}
      </p>
    </ActionDialog>
  )
}

function NewToken({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<OperatorRole>('viewer')
  const [days, setDays] = useState('90')
  const [token, setToken] = useState<string | undefined>()
  const { error, attempt } = useAttempt()
  const add = () =>
    attempt(async () => {
      const made = await call('tokens add', { name, role, until: Date.now() * 1_000 + Number(days) * DAY_US })
      setToken(made.token)
    })
  const actions =
    token === undefined ? (
      <>
        <button type="button" onClick={onClose}>
          {t('cancel')}
        </button>
        <Button kind="main" onPress={add} disabled={name === ''}>
          {t('security.addToken')}
        </Button>
      </>
    ) : (
      <button type="button" class="main" onClick={onClose}>
        {t('close')}
      </button>
    )
  return (
    <Dialog title={t('security.addToken')} onClose={onClose} actions={actions}>
      {error !== undefined && <ErrorView error={error} />}
      {token === undefined ? (
        <>
          <TextField label={t('name')} value={name} autocomplete="off" onInput={(it) => setName(it.trim())} />
          <RoleField value={role} onInput={setRole} />
          <SelectField
            label={t('security.validFor')}
            value={days}
            choices={DAYS.map((it) => ({ value: String(it), text: t('security.days', { n: it }) }))}
            onInput={setDays}
          />
        </>
      ) : (
        <>
          <p>
            <Badge tone="attention">{t('heed')}</Badge> {t('security.shownOnce')}
          </p>
          <p>
            <code class="fingerprint">{token}</code>
          </p>
          <CopyButton text={token} />
        </>
      )}
    </Dialog>
  )
}
