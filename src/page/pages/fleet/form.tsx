// The update server as a form: its difference is shown before anything happens.
import { useState } from 'preact/hooks'
import type { SettingsCheck } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { AreaField } from '../../parts/area-field.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Problems } from '../../parts/proposal.tsx'
import { prepare, show } from '../../state/proposal.ts'
import { t } from '../../words/index.ts'
import { WindowFields } from '../uplinks/form-lists.tsx'
import type { FleetDraft } from './draft.ts'
import { withFleet } from './draft.ts'

const TOKEN = 'update-token'

interface Props {
  readonly first: FleetDraft
  readonly onClose: () => void
  readonly applied: () => void
}

export function FleetForm({ first, onClose, applied }: Props) {
  const [draft, setDraft] = useState(first)
  const [token, setToken] = useState('')
  const [problems, setProblems] = useState<SettingsCheck['problems']>([])
  const change = (it: Partial<FleetDraft>) => setDraft({ ...draft, ...it })
  const next = async (wanted: FleetDraft) => {
    const name = token === '' ? wanted.token : wanted.token || TOKEN
    // The settings name it: without it they would be refused.
    if (token !== '') await call('secrets set', { name, text: token })
    const edit = (text: string) => withFleet(text, { ...wanted, token: name })
    const made = await prepare({ title: t('fleet.title'), edit, applied })
    setProblems(made.check.problems)
    if (made.check.problems.length > 0) return
    onClose()
    show(made)
  }
  const other = { text: t('remove'), kind: 'danger', work: () => next({ ...draft, server: '' }) } as const
  return (
    <ActionDialog
      title={t('fleet.title')}
      onClose={onClose}
      action={{ text: t('showDifference'), work: () => next(draft), disabled: draft.server.trim() === '' }}
      other={first.server === '' ? undefined : other}
      isWide
    >
      {problems.length > 0 && <Problems problems={problems} />}
      <TextField
        label={t('fleet.url')}
        type="url"
        value={draft.server}
        placeholder="https://updates.example.com"
        onInput={(server) => change({ server })}
      />
      <div class="fields">
        <TextField
          label={t('fleet.tenant')}
          hint={t('fleet.tenantHint')}
          value={draft.tenant}
          onInput={(tenant) => change({ tenant })}
        />
        <SelectField
          label={t('fleet.auth')}
          value={draft.auth}
          choices={(['target', 'gateway'] as const).map((value) => ({ value, text: t(`fleet.auth.${value}`) }))}
          onInput={(it) => change({ auth: it as FleetDraft['auth'] })}
        />
        <TextField
          label={t('fleet.newToken')}
          hint={draft.token === '' ? t('fleet.tokenHint') : t('fleet.tokenStays', { name: draft.token })}
          type="password"
          autocomplete="new-password"
          value={token}
          onInput={setToken}
        />
      </div>
      <AreaField label={t('fleet.ca')} hint={t('fleet.caHint')} value={draft.ca} onInput={(ca) => change({ ca })} />
      <WindowFields
        windows={draft.windows.map((it) => ({ ...it, classes: '' }))}
        onChange={(windows) => change({ windows: windows.map(({ at, zone }) => ({ at, zone })) })}
        hint={t('fleet.windowsHint')}
        hasClasses={false}
      />
    </ActionDialog>
  )
}
