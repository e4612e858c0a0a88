import '../../more.css'
import { useLocation } from 'preact-iso'
import { PageHead } from '../../parts/card.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { t } from '../../words/index.ts'
import { SettingsFile } from './file.tsx'
import { History } from './history.tsx'
import { Secrets } from './secrets.tsx'

const TABS = [
  { path: '/settings', title: 'settings.file' },
  { path: '/settings/history', title: 'settings.history' },
  { path: '/settings/secrets', title: 'settings.secrets' },
] as const

export function Settings() {
  const { path } = useLocation()
  return (
    <>
      <PageHead title={t('settings')} text={t('settings.about')} />
      <Tabs label={t('settings')} tabs={TABS} />
      {path === '/settings/history' ? <History /> : path === '/settings/secrets' ? <Secrets /> : <SettingsFile />}
    </>
  )
}
