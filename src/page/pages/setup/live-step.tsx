// The end of the first run: values as they come, and the tick that Kafka has acknowledged the first record.
import { useLocation } from 'preact-iso'
import { number } from '../../format/number.ts'
import { call } from '../../api/client.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { UplinkBadge } from '../../parts/state-badges.tsx'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { LiveValues } from '../sources/live-values.tsx'
import { finish, firstRun, goTo } from './progress.ts'

export function LiveStep() {
  const { route } = useLocation()
  const source = firstRun.value.source || status.value?.sources[0]?.name || ''
  const end = () => {
    finish()
    route('/')
  }
  return (
    <>
      <Acknowledged />
      {source !== '' && <LiveValues source={source} />}
      <p class="actions form-end">
        <button type="button" onClick={() => goTo('tags')}>
          {t('setup.back')}
        </button>
        <Button onPress={saveSettings}>{t('setup.save')}</Button>
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
          {it.state !== 'up' && it.lastError !== undefined && <p class="error">{it.lastError}</p>}
          {it.state !== 'up' && it.remedy !== undefined && <p class="remedy">{it.remedy}</p>}
        </div>
      ))}
    </Card>
  )
}

async function saveSettings(): Promise<void> {
  const { text } = await call('settings show', {})
  const url = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${status.value?.device ?? 'holdfast'}.yaml`
  link.click()
  URL.revokeObjectURL(url)
}
