// An uplink as a form. What it makes of the settings is shown as a difference before anything happens.
import { useEffect, useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { AreaField } from '../../parts/area-field.tsx'
import { CheckField, SelectField, TextField } from '../../parts/field.tsx'
import { takenName } from '../../entry-form/taken-name.ts'
import { ownSecrets } from '../../settings-text/own-secret.ts'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { prepare, show } from '../../state/proposal.ts'
import type { SettingsCheck } from '../../../core/operator.ts'
import { t } from '../../words/index.ts'
import type { UplinkDraft } from './draft.ts'
import { NEW_UPLINK, uplinkDraft, withoutUplink, withUplink } from './draft.ts'
import { LinkFields, WindowFields } from './form-lists.tsx'

interface Props {
  /** Undefined: a new one. */
  readonly name: string | undefined
  readonly onClose: () => void
}

export function UplinkForm({ name, onClose }: Props) {
  const [draft, setDraft] = useState<UplinkDraft | undefined>(name === undefined ? NEW_UPLINK : undefined)
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    if (name === undefined) return
    call('settings show', {}).then(({ text }) => setDraft(uplinkDraft(text, name)), setError)
  }, [name])
  const [password, setPassword] = useState('')
  const [newKey, setNewKey] = useState('')
  const [problems, setProblems] = useState<SettingsCheck['problems']>([])
  const next = async () => {
    if (!draft) return
    const taken = await takenName('uplinks', name, draft.name)
    if (taken) return setProblems(taken.all)
    const made = await prepare({
      title: t('uplinks.change', { name: draft.name }),
      edit: await withSecrets(draft),
    })
    setProblems(made.check.problems)
    if (made.check.problems.length > 0) return
    onClose()
    show(made)
  }
  /** What was typed goes into the box's store first: settings that name what is not there would be refused. */
  const withSecrets = async (it: UplinkDraft) => {
    const ownName = password + newKey === '' ? (wanted: string) => wanted : await ownSecrets('uplinks', name)
    const secret = password === '' ? it.secret : ownName(it.secret)
    const key = newKey === '' ? it.key : ownName(it.key || `${it.name}-key`)
    if (password !== '') await call('secrets set', { name: secret, text: password })
    if (newKey !== '') await call('secrets set', { name: key, text: newKey })
    return (text: string) => withUplink(text, name, { ...it, secret, key })
  }
  const remove = async (known: string) => {
    const made = await prepare({ title: t('removeName', { name: known }), edit: (text) => withoutUplink(text, known) })
    onClose()
    show(made)
  }
  return (
    <ActionDialog
      title={name ?? t('uplinks.add')}
      onClose={onClose}
      action={{ text: t('showDifference'), work: next, disabled: !draft }}
      other={name === undefined ? undefined : { text: t('remove'), kind: 'danger', work: () => remove(name) }}
      isWide
    >
      {error !== undefined && <ErrorView error={error} />}
      {problems.length > 0 && <Problems problems={problems} />}
      {draft ? (
        <Fields
          draft={draft}
          isNew={name === undefined}
          change={(it) => setDraft({ ...draft, ...it })}
          password={password}
          setPassword={setPassword}
          newKey={newKey}
          setNewKey={setNewKey}
        />
      ) : (
        error === undefined && <Waiting />
      )}
    </ActionDialog>
  )
}

interface FieldsProps {
  readonly draft: UplinkDraft
  readonly isNew: boolean
  readonly change: (it: Partial<UplinkDraft>) => void
  readonly password: string
  readonly setPassword: (it: string) => void
  /** The private key of our certificate, where a new one is typed. */
  readonly newKey: string
  readonly setNewKey: (it: string) => void
}

function Fields({ isNew, ...own }: FieldsProps) {
  const { draft, change } = own
  return (
    <>
      {isNew && <TextField label={t('name')} value={draft.name} onInput={(name) => change({ name: name.trim() })} />}
      {isNew && (
        <SelectField
          label={t('uplinks.kind')}
          value={draft.kind}
          choices={(['kafka', 'box', 'mqtt'] as const).map((value) => ({ value, text: t(`uplinks.kind.${value}`) }))}
          onInput={(it) => change({ kind: it as UplinkDraft['kind'] })}
        />
      )}
      {draft.kind === 'box' && <BoxFields {...own} />}
      {draft.kind === 'mqtt' && <MqttFields {...own} />}
      {draft.kind === 'kafka' && <KafkaFields {...own} />}
      <LinkFields links={draft.links} onChange={(links) => change({ links })} />
      <WindowFields windows={draft.windows} onChange={(windows) => change({ windows })} />
    </>
  )
}

type OwnProps = Omit<FieldsProps, 'isNew'>

/** Another box: always with TLS, and with a password of its own. */
function BoxFields(own: OwnProps) {
  const { draft, change } = own
  return (
    <>
      <TextField
        label={t('uplinks.boxUrl')}
        type="url"
        value={draft.url}
        placeholder="https://post.example.com:8460"
        onInput={(it) => change({ url: it.trim() })}
      />
      <div class="fields">
        <Secret {...own} />
      </div>
      <Tls {...own} />
    </>
  )
}

/** A broker on site: by its url with TLS or without. */
function MqttFields(own: OwnProps) {
  const { draft, change } = own
  const isPlain = draft.url.startsWith('mqtt:')
  return (
    <>
      <TextField
        label={t('uplinks.brokerUrl')}
        type="url"
        value={draft.url}
        placeholder="mqtts://10.20.1.60:8883"
        onInput={(it) => change({ url: it.trim() })}
      />
      <div class="fields">
        <TextField label={t('uplinks.user')} value={draft.user} autocomplete="off" onInput={(user) => change({ user })} />
        <Secret {...own} />
      </div>
      {!isPlain && <Tls {...own} />}
      <CheckField label={t('uplinks.retain')} checked={draft.retain} onInput={(retain) => change({ retain })} />
      {(isPlain || (draft.user === '' && draft.cert === '') || draft.insecure !== '') && (
        <Insecure draft={draft} change={change} />
      )}
    </>
  )
}

function Insecure({ draft, change }: Pick<OwnProps, 'draft' | 'change'>) {
  return (
    <TextField
      label={t('uplinks.insecure')}
      hint={t('uplinks.insecureHint')}
      value={draft.insecure}
      onInput={(insecure) => change({ insecure })}
    />
  )
}

/** Whom we trust, and how we are known. */
function Tls({ draft, change, newKey, setNewKey }: OwnProps) {
  return (
    <>
      <AreaField label={t('uplinks.ca')} hint={t('uplinks.caHint')} value={draft.ca} onInput={(ca) => change({ ca })} />
      <TextField
        label={t('uplinks.serverName')}
        hint={t('uplinks.serverNameHint')}
        value={draft.serverName}
        onInput={(it) => change({ serverName: it.trim() })}
      />
      <AreaField label={t('uplinks.cert')} hint={t('uplinks.certHint')} value={draft.cert} onInput={(cert) => change({ cert })} />
      {draft.cert.trim() !== '' && (
        <AreaField
          label={t('uplinks.key')}
          hint={t(draft.key === '' ? 'uplinks.keyHint' : 'uplinks.keyStays', { name: draft.key })}
          value={newKey}
          onInput={setNewKey}
          isSecret
        />
      )}
    </>
  )
}

function KafkaFields(own: OwnProps) {
  const { draft, change } = own
  return (
    <>
      <AreaField
        label={t('uplinks.brokers')}
        hint={t('uplinks.brokersHint')}
        rows={2}
        value={draft.brokers}
        placeholder="kafka.example.com:9093"
        onInput={(brokers) => change({ brokers })}
      />
      <CheckField label={t('uplinks.tls')} checked={draft.tls} onInput={(tls) => change({ tls })} />
      {draft.tls && <Tls {...own} />}
      <LogIn {...own} />
      {(!draft.tls || (draft.mechanism === '' && draft.cert === '') || draft.insecure !== '') && (
        <Insecure draft={draft} change={change} />
      )}
      <div class="fields">
        <SelectField
          label={t('uplinks.records')}
          value={draft.records}
          choices={(['readings', 'blocks'] as const).map((value) => ({ value, text: t(`uplinks.records.${value}`) }))}
          onInput={(it) => change({ records: it as UplinkDraft['records'] })}
        />
        <TextField
          label={t('uplinks.liveShare')}
          value={draft.liveShare}
          placeholder="30%"
          onInput={(it) => change({ liveShare: it.trim() })}
        />
        <SelectField
          label={t('uplinks.order')}
          value={draft.backlog}
          choices={(['oldest-first', 'newest-first'] as const).map((value) => ({ value, text: t(`uplinks.order.${value}`) }))}
          onInput={(it) => change({ backlog: it as UplinkDraft['backlog'] })}
        />
      </div>
    </>
  )
}

function LogIn(own: OwnProps) {
  const { draft, change } = own
  const isToken = draft.mechanism === 'oauthbearer'
  return (
    <div class="fields">
      <SelectField
        label={t('uplinks.mechanism')}
        value={draft.mechanism}
        choices={[
          { value: '', text: t('uplinks.noLogIn') },
          ...['scram-sha-512', 'scram-sha-256', 'plain', 'oauthbearer'].map((value) => ({ value, text: value })),
        ]}
        onInput={(it) => change({ mechanism: it as UplinkDraft['mechanism'] })}
      />
      {draft.mechanism !== '' && (
        <>
          {isToken && (
            <TextField
              label={t('uplinks.tokenEndpoint')}
              type="url"
              value={draft.tokenEndpoint}
              onInput={(it) => change({ tokenEndpoint: it.trim() })}
            />
          )}
          <TextField
            label={isToken ? t('uplinks.clientId') : t('uplinks.user')}
            value={draft.user}
            autocomplete="off"
            onInput={(user) => change({ user })}
          />
          <Secret {...own} />
        </>
      )}
    </div>
  )
}

function Secret({ draft, change, password, setPassword }: OwnProps) {
  return (
    <>
      <TextField
        label={t('uplinks.secret')}
        hint={t('uplinks.secretHint')}
        value={draft.secret}
        placeholder={draft.name}
        onInput={(it) => change({ secret: it.trim() })}
      />
      <TextField
        label={t('uplinks.newSecret')}
        hint={t('uplinks.newSecretHint')}
        type="password"
        autocomplete="new-password"
        value={password}
        disabled={draft.secret === ''}
        onInput={setPassword}
      />
    </>
  )
}
