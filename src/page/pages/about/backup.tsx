// What of this box is kept elsewhere, out and in again; and the box as it came.
import '../../more.css'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Icon } from '../../parts/icon.tsx'
import { saveSettings } from '../../parts/save-settings.ts'
import { ErrorView } from '../../parts/states.tsx'
import { t } from '../../words/index.ts'
import { EncryptedBackup } from './encrypted-backup.tsx'
import { FactoryReset } from './factory-reset.tsx'
import { Restore } from './restore.tsx'

export function Backup() {
  return (
    <>
      <PageHead title={t('backup')} text={t('backup.about')} />
      <div class="cards">
        <SettingsFile />
        <EncryptedBackup />
      </div>
      <Restore />
      <FactoryReset />
    </>
  )
}

function SettingsFile() {
  const { error, attempt } = useAttempt()
  return (
    <Card title={t('backup.save')}>
      <p>{t('backup.saveText')}</p>
      <Button onPress={() => attempt(saveSettings)}>
        <Icon name="download" />
        {t('backup.download')}
      </Button>
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}
