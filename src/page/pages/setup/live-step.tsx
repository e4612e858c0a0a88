// The end of the first run: values as they come, and the tick that Kafka has acknowledged the first record.
import { useLocation } from 'preact-iso'
import { number } from '../../format/number.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { saveSettings } from '../../parts/save-settings.ts'
import { UplinkBadge } from '../../parts/state-badges.tsx'
import { status } from '../../state/status.ts'
import { Said } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'
import { EncryptedBackup } from '../about/encrypted-backup.tsx'
import { LiveValues } from '../sources/live-values.tsx'
import { finish, firstRun, goTo } from './progress.ts'

export function LiveStep() {
  const { route } = useLocation()
  const { error, attempt } = useAttempt()
  const source = firstRun.value.source || status.value?.sources[0]?.name || ''
  const end = () => {
    finish()
    route('/')
  }
  return (
    <>
      <Acknowledged />
      {source !== '' && <LiveValues source={source} />}
      <EncryptedBackup />
      {error !== undefined && <ErrorView error={error} />}
      <p class="actions form-end">
        <button type="button" onClick={() => goTo('tags')}>
          {t('setup.back')}
        </button>
        <Button onPress={() => attempt(saveSettings)}>{t('setup.save')}</Button>
        <button type="button" class="main" onClick={end}>
          {t('setup.finish')}
        </button>
      </p>
    </>
  )
}

function Acknowledged() {
  const uplinks = status.value?.uplinks ?? []
  const readings = uplinks.reduce((sum, it) => sum + it.readings, 0)
  return (
    <Card title={t('setup.delivery')}>
      <p class="acknowledged" role="status">
        {readings > 0 ? <Badge tone="ok">{t('setup.acknowledged')}</Badge> : <Badge tone="off">{t('setup.notYet')}</Badge>}
      </p>
      {readings > 0 && <p>{t('setup.acknowledgedCount', { n: number(readings) })}</p>}
      {uplinks.length === 0 && <p class="remedy">{t('setup.noUplink')}</p>}
      {uplinks.map((it) => (
        <div key={it.name}>
          <p>
            <strong>{it.name}</strong> <UplinkBadge state={it.state} />
          </p>
          {it.state !== 'up' && it.lastError !== undefined && <Said text={it.lastError} remedy={it.remedy} />}
        </div>
      ))}
    </Card>
  )
}
