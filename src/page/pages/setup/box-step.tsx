import { useLocation } from 'preact-iso'
import { useEffect, useState } from 'preact/hooks'
import { duration } from '../../format/time.ts'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { status } from '../../state/status.ts'
import { Choices } from '../../user-menu.tsx'
import { t } from '../../words/index.ts'
import { Restore } from '../about/restore.tsx'
import { finish, firstRun, goTo, keep } from './progress.ts'

/** What the date of an answer can tell. */
const PRECISION_S = 2

export function BoxStep() {
  const it = status.value
  const site = firstRun.value.site || it?.site || ''
  return (
    <>
      <InsteadOfAnother />
      <form
        onSubmit={(event) => {
          event.preventDefault()
          keep({ site })
          goTo('uplink')
        }}
      >
        <Card>
          <div class="fields">
            <TextField
              label={t('setup.device')}
              hint={t('setup.deviceHint')}
              value={it?.device ?? ''}
              disabled
              onInput={() => {}}
            />
            <TextField
              label={t('setup.site')}
              hint={t('setup.siteHint')}
              value={site}
              onInput={(value) => keep({ site: value })}
            />
          </div>
          <Choices />
        </Card>
        <ClockCard />
        <p class="actions form-end">
          <button type="submit" class="main">
            {t('setup.on')}
          </button>
        </p>
      </form>
    </>
  )
}

/** New hardware for a box that is gone needs none of the steps. */
function InsteadOfAnother() {
  const { route } = useLocation()
  const end = () => {
    finish()
    route('/')
  }
  const next = (
    <p class="actions form-end">
      <button type="button" class="main" onClick={end}>
        {t('backup.setupEnd')}
      </button>
    </p>
  )
  return <Restore title={t('backup.setup')} text={t('backup.setupText')} next={next} />
}

function ClockCard() {
  const offset = useOffset()
  const clock = status.value?.clock
  const isOff = offset !== undefined && Math.abs(offset) > PRECISION_S
  return (
    <Card title={t('setup.clock')}>
      <p>
        <Badge tone={clock?.synchronised === true ? 'ok' : 'attention'}>
          {t(clock?.synchronised === true ? 'setup.clockSynchronised' : 'overview.clockUnsure')}
        </Badge>
      </p>
      {offset !== undefined && <p>{isOff ? t('setup.clockOff', { time: duration(offset) }) : t('setup.clockFits')}</p>}
      {isOff && <p class="remedy">{t('setup.clockRemedy')}</p>}
      <p class="quiet">{t('setup.zone', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}</p>
    </Card>
  )
}

/** The box's clock less this browser's, seconds, as well as the date of an answer tells. */
function useOffset(): number | undefined {
  const [offset, set] = useState<number>()
  useEffect(() => {
    const ask = async () => {
      const begun = Date.now()
      const response = await fetch('/', { method: 'HEAD', cache: 'no-store' })
      const there = Date.parse(response.headers.get('date') ?? '')
      if (!Number.isNaN(there)) set(Math.round((there + 500 - (begun + Date.now()) / 2) / 1000))
    }
    ask().catch(() => {})
  }, [])
  return offset
}
