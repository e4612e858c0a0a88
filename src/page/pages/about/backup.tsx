// The settings as one file, out and in again.
import '../../more.css'
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { Button } from '../../parts/button.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { Icon } from '../../parts/icon.tsx'
import { save } from '../../parts/save.ts'
import { ErrorView } from '../../parts/states.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'

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
    </>
  )
}

function Out() {
  const [error, setError] = useState<unknown>()
  const download = async () => {
    try {
      const { text } = await call('settings show', {})
      save(
        `${status.value?.device ?? 'holdfast'}-settings-${new Date().toISOString().slice(0, 10)}.yaml`,
        text,
        'application/yaml',
      )
    } catch (it) {
      setError(it)
    }
  }
  return (
    <Card title={t('backup.save')}>
      <p>{t('backup.saveText')}</p>
      <Button kind="main" onPress={download}>
        <Icon name="download" />
        {t('backup.download')}
      </Button>
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}

function In() {
  const [error, setError] = useState<unknown>()
  const take = async (file: File | undefined) => {
    setError(undefined)
    if (!file) return
    try {
      if (file.size > FILE_BYTES_MAX) throw new Error(t('backup.tooLarge'))
      const text = await file.text()
      await propose({ title: t('backup.restoreOf', { name: file.name }), edit: () => text })
    } catch (it) {
      setError(it)
    }
  }
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
