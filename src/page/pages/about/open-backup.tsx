// A backup that was chosen: its passphrase, what is in it, what it would change here, and the deed.
import { useState } from 'preact/hooks'
import type { OpenedBackup } from '../../../core/backup.ts'
import type { SettingsNow } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { errorOf } from '../../api/errors.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { isAt } from '../../parts/error-at.ts'
import { Fact } from '../../parts/fact.tsx'
import { TextField } from '../../parts/field.tsx'
import { CheckView } from '../../parts/proposal.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { askStatus, status } from '../../state/status.ts'
import { protocolName } from '../sources/protocol-name.ts'
import { t } from '../../words/index.ts'

export interface RestoredBackup {
  readonly device: string
  /** What this box was before, where that is another. */
  readonly was: string | undefined
  readonly now: SettingsNow
}

export interface ChosenBackup {
  readonly name: string
  readonly file: string
}

interface Opened {
  readonly backup: OpenedBackup
  readonly passphrase: string
  /** Of the settings that its difference stands against. */
  readonly base: string
  /** Others have changed them since it was opened first. */
  readonly isLate: boolean
}

interface Props {
  readonly chosen: ChosenBackup
  readonly onRestored: (it: RestoredBackup) => void
  readonly onForget: () => void
}

export function OpenBackup({ chosen, onRestored, onForget }: Props) {
  const [passphrase, setPassphrase] = useState('')
  const [isOpening, setOpening] = useState(false)
  const [opened, setOpened] = useState<Opened | undefined>()
  const { error, attempt } = useAttempt()
  const { file } = chosen
  const read = async (isLate: boolean) => {
    // Asked for first: what comes between the two answers makes the restoring refused, not unseen.
    const { revision } = await call('settings show', {})
    setOpened({ backup: await call('backup open', { file, passphrase }), passphrase, base: revision, isLate })
  }
  const open = () =>
    attempt(async () => {
      setOpening(true)
      await read(false).finally(() => setOpening(false))
    })
  const restore = async (it: Opened) => {
    const { device } = it.backup
    const was = otherThan(device)
    try {
      const now = await call('backup restore', { file, passphrase: it.passphrase, base: it.base })
      void askStatus()
      onRestored({ device, was, now })
    } catch (failed) {
      if (errorOf(failed).code !== 'settings-changed') throw failed
      await read(true)
    }
  }
  const isWrong = isAt(error, 'passphrase')
  return (
    <>
      <form onSubmit={(event) => event.preventDefault()}>
        <p>
          <code>{chosen.name}</code>
        </p>
        <div class="fields">
          <TextField
            label={t('backup.passphrase')}
            type="password"
            autocomplete="off"
            hint={t('backup.openHint')}
            error={isWrong ? t('backup.wrong') : undefined}
            value={passphrase}
            disabled={isOpening}
            onInput={setPassphrase}
          />
        </div>
        <p class="actions">
          <Button type="submit" kind="main" onPress={open} disabled={passphrase === ''}>
            {t('backup.open')}
          </Button>
          <button type="button" onClick={onForget} disabled={isOpening}>
            {t('backup.forget')}
          </button>
        </p>
        {isOpening && <Waiting text={t('backup.opening')} />}
        {error !== undefined && !isWrong && <ErrorView error={error} />}
      </form>
      {opened && <Shown it={opened} onClose={() => setOpened(undefined)} restore={() => restore(opened)} />}
    </>
  )
}

/** This box's name, where it is not that of the backup. */
function otherThan(device: string): string | undefined {
  const own = status.value?.device
  return own === device ? undefined : own
}

interface ShownProps {
  readonly it: Opened
  readonly onClose: () => void
  readonly restore: () => Promise<void>
}

function Shown({ it, onClose, restore }: ShownProps) {
  const [isRestoring, setRestoring] = useState(false)
  const { check, device } = it.backup
  // The check asks it too, in English: here it is asked once, in the words of the page.
  const own = otherThan(device)
  const work = async () => {
    setRestoring(true)
    await restore().finally(() => setRestoring(false))
  }
  const action = { text: t('backup.apply'), disabled: check.problems.length > 0, work }
  return (
    <ActionDialog title={t('backup.restoreBackup')} onClose={onClose} action={action} isWide>
      {it.isLate && (
        <p class="notice" role="alert">
          {t('backup.late')}
        </p>
      )}
      {own !== undefined && <p class="notice">{t('backup.replaces', { own, device })}</p>}
      <Facts it={it.backup} />
      <h3>{t('backup.changes')}</h3>
      <CheckView check={{ ...check, warnings: check.warnings.filter((it) => !it.startsWith(`replace ${device}?`)) }} />
      {check.problems.length + check.changes.length === 0 && <p class="quiet">{t('backup.noChanges')}</p>}
      {isRestoring && <Waiting text={t('backup.restoring')} />}
    </ActionDialog>
  )
}

function Facts({ it }: { readonly it: OpenedBackup }) {
  const isOwn = otherThan(it.device) === undefined
  const readings = it.ledger.reduce((sum, line) => sum + line.count, 0)
  const lines = it.ledger.length
  const ledger = lines < it.ledgerLines ? 'backup.ledgerYoungest' : 'backup.ledgerCount'
  return (
    <dl class="facts">
      <Fact name={t('backup.of')}>
        <code>{it.device}</code>
        <Badge tone={isOwn ? 'info' : 'attention'}>{t(isOwn ? 'backup.thisBox' : 'backup.otherBox')}</Badge>
      </Fact>
      <Fact name={t('backup.at')}>
        <Time micros={it.madeAt} isWithDate />
      </Fact>
      <Fact name={t('backup.by')}>
        <code>{it.version}</code>
      </Fact>
      <Fact name={t('backup.secrets')}>{namesOf(it.secrets)}</Fact>
      <Fact name={t('backup.keys')}>{namesOf(it.keys.map(keyName))}</Fact>
      <Fact name={t('backup.ledger')}>
        {lines === 0 ? t('backup.ledgerNone') : t(ledger, { n: readings, lines, all: it.ledgerLines })}
      </Fact>
    </dl>
  )
}

const namesOf = (names: readonly string[]) => (names.length === 0 ? t('backup.none') : names.join(', '))

/** As the agent names them: `opcua: own certificate and key`. */
const KINDS = [
  [/^exports: /, 'backup.keyExport'],
  [/: own /, 'backup.keyOwn'],
  [/: certificates /, 'backup.keyTrusted'],
] as const

function keyName(key: string): string {
  const kind = KINDS.find(([it]) => it.test(key))?.[1]
  return kind === undefined ? key : t(kind, { protocol: protocolName(key.split(':')[0] ?? '') })
}
