import { useLocation } from 'preact-iso'
import { PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { classNames, entryOf } from '../../settings-text/entries.ts'
import { t } from '../../words/index.ts'
import { SourceForm } from './form.tsx'
import { PROTOCOLS } from './form-spec.ts'
import { pathOf } from './paths.ts'
import { protocolName } from './protocol-name.ts'

export function Edit() {
  const { path, route } = useLocation()
  const name = decodeURIComponent(path.split('/')[2] ?? '')
  const settings = useCall('settings show', {})
  if (settings.error !== undefined) return <ErrorView error={settings.error} retry={settings.again} />
  if (!settings.data) return <Waiting />
  const entry = entryOf(settings.data.text, 'sources', name)
  if (!entry) return <Empty title={t('sources.noSuch', { name })} />
  const spec = PROTOCOLS[String(entry['protocol'])]
  return (
    <>
      <p class="crumb">
        <a href={pathOf(name)}>
          <Icon name="left" /> {name}
        </a>
      </p>
      <PageHead title={t('sources.editTitle', { name })} text={protocolName(String(entry['protocol']))} />
      {spec ? (
        <SourceForm
          spec={spec}
          entry={entry}
          name={name}
          classes={classNames(settings.data.text)}
          onCancel={() => route(pathOf(name))}
        />
      ) : (
        <Empty title={t('sources.noForm')}>
          <a class="button" href="/settings">
            {t('issue.toSettings')}
          </a>
        </Empty>
      )}
    </>
  )
}
