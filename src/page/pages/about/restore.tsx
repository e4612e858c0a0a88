// The way in: a settings file goes through the proposal, a backup is opened by its passphrase first.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { FileButton } from '../../parts/file-button.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import type { ChosenBackup, RestoredBackup } from './open-backup.tsx'
import { OpenBackup } from './open-backup.tsx'

/** Of a settings file or a backup: more is neither. */
const FILE_BYTES_MAX = 8_000_000
// A phone knows no kind of file by the name .age: it is asked for any.
const ACCEPTED = '.yaml,.yml,.age,application/yaml,text/yaml,application/octet-stream'
const ARMOUR = '-----BEGIN AGE ENCRYPTED FILE-----'
const AGE_BINARY = 'age-encryption.org/'

interface Props {
  readonly title?: string
  readonly text?: string
  /** What can be done once a backup is restored. */
  readonly next?: ComponentChildren
}

export function Restore({ title = t('backup.restore'), text = t('backup.restoreText'), next }: Props) {
  const [chosen, setChosen] = useState<ChosenBackup | undefined>()
  const [restored, setRestored] = useState<RestoredBackup | undefined>()
  const { error, attempt } = useAttempt()
  const take = (file: File | undefined) =>
    attempt(async () => {
      if (!file) return
      setChosen(undefined)
      setRestored(undefined)
      if (file.size > FILE_BYTES_MAX) throw new Error(t('backup.tooLarge'))
      const content = await file.text()
      if (content.startsWith(AGE_BINARY)) throw new Error(t('backup.notText'))
      if (content.trimStart().startsWith(ARMOUR)) setChosen({ name: file.name, file: content })
      else await propose({ title: t('backup.restoreOf', { name: file.name }), edit: () => content })
    })
  const done = (it: RestoredBackup) => {
    setChosen(undefined)
    setRestored(it)
  }
  return (
    <Card title={title}>
      <p>{text}</p>
      {may('admin') ? (
        <FileButton text={t('backup.choose')} accept={ACCEPTED} onChoose={take} />
      ) : (
        <p class="quiet">{t('notAllowed', { role: t('role.admin') })}</p>
      )}
      {error !== undefined && <ErrorView error={error} />}
      {chosen && <OpenBackup key={chosen.file} chosen={chosen} onRestored={done} onForget={() => setChosen(undefined)} />}
      {restored && <Done {...restored} next={next} />}
    </Card>
  )
}

function Done({ device, was, now, next }: RestoredBackup & { readonly next?: ComponentChildren }) {
  const { ports, timeServers } = now.system
  return (
    <div role="status" class="restored">
      <p>
        <Badge tone="ok">{t('backup.ready')}</Badge> <strong>{t('backup.done', { device })}</strong>
      </p>
      <p>{t('backup.doneText')}</p>
      <ul class="todo">
        {ports.length + timeServers.length > 0 && (
          <li>
            {t('backup.todoNetwork')} <a href="/network">{t('network')}</a>
          </li>
        )}
        <li>
          {t('backup.todoUsers')} <a href="/security">{t('security')}</a>
        </li>
        <li>
          {t('backup.todoUplinks')} <a href="/">{t('overview')}</a>
        </li>
        {was !== undefined && <li>{t('backup.todoOther', { device })}</li>}
      </ul>
      {next}
    </div>
  )
}
