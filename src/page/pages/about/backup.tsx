// The settings as one file, out and in again; and the box as it came.
import '../../more.css'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Icon } from '../../parts/icon.tsx'
import { saveSettings } from '../../parts/save-settings.ts'
import { ErrorView } from '../../parts/states.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { FactoryReset } from './factory-reset.tsx'

/** Of a settings file: more is none. */
const FILE_BYTES_MAX = 8_000_000

export function Backup() {
  return (
    <>
      <PageHead title={t('backup')} text={t('backup.about')} />
      <div class="cards">
        <Out />
        <In />
      </div>
      <FactoryReset />
    </>
  )
}

function Out() {
  const { error, attempt } = useAttempt()
  return (
    <Card title={t('backup.save')}>
      <p>{t('backup.saveText')}</p>
      <Button kind="main" onPress={() => attempt(saveSettings)}>
        <Icon name="download" />
        {t('backup.download')}
      </Button>
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}

function In() {
  const { error, attempt } = useAttempt()
  const take = (file: File | undefined) =>
    attempt(async () => {
      if (!file) return
      if (file.size > FILE_BYTES_MAX) throw new Error(t('backup.tooLarge'))
      const text = await file.text()
      await propose({ title: t('backup.restoreOf', { name: file.name }), edit: () => text })
    })
  return (
    <Card title={t('backup.restore')}>
      <p>{t('backup.restoreText')}</p>
      {may('admin') ? (
        <label class="button file-button">
          <Icon name="upload" />
          {t('backup.choose')}
          <input
            class="unseen"
            type="file"
            accept=".yaml,.yml,application/yaml,text/yaml"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? []
              // The same file may be chosen again.
              event.currentTarget.value = ''
              void take(file)
            }}
          />
        </label>
      ) : (
        <p class="quiet">{t('notAllowed', { role: t('role.admin') })}</p>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}
