// Where the box has its time from: as the settings say, and others.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { time } from '../../format/time.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { Card } from '../../parts/card.tsx'
import { DiffView } from '../../parts/diff.tsx'
import { TextField } from '../../parts/field.tsx'
import { say } from '../../parts/toast.tsx'
import { t } from '../../words/index.ts'

interface Props {
  /** Of the settings. */
  readonly servers: readonly string[]
  readonly mayChange: boolean
  readonly again: () => void
}

export function TimeServers({ servers, mayChange, again }: Props) {
  const [open, setOpen] = useState<'servers' | 'clock'>()
  const close = () => setOpen(undefined)
  return (
    <Card
      title={t('network.time')}
      actions={
        mayChange && (
          <>
            <button type="button" onClick={() => setOpen('clock')}>
              {t('network.clock')}
            </button>
            <button
              type="button"
              aria-label={t('network.changeOf', { name: t('network.time') })}
              onClick={() => setOpen('servers')}
            >
              {t('edit')}
            </button>
          </>
        )
      }
    >
      <p>{servers.length > 0 ? servers.join(', ') : t('network.timeNone')}</p>
      <p class="quiet">{t('network.timeText')}</p>
      {open === 'servers' && <Change servers={servers} onClose={close} again={again} />}
      {open === 'clock' && <SetClock onClose={close} again={again} />}
    </Card>
  )
}

function Change({ servers, onClose, again }: { readonly servers: readonly string[]; onClose(): void; again(): void }) {
  const [text, setText] = useState(servers.join(', '))
  const wanted = text.split(/[\s,]+/).filter(Boolean)
  const [before, after] = [servers.join(', '), wanted.join(', ')]
  const change = { path: 'time.servers', ...(before !== '' && { old: before }), ...(after !== '' && { new: after }) }
  const apply = async () => {
    await call('clock servers', { servers: wanted })
    say(t('network.timeSet'))
    onClose()
    again()
  }
  return (
    <ActionDialog title={t('network.time')} onClose={onClose} action={{ text: t('apply'), work: apply }}>
      <TextField label={t('network.timeServers')} hint={t('network.timeHint')} value={text} onInput={setText} />
      {before !== after && <DiffView changes={[change]} />}
    </ActionDialog>
  )
}

/** For a box that reaches no time server: whoever stands before it has the time with them. */
function SetClock({ onClose, again }: { onClose(): void; again(): void }) {
  const apply = async () => {
    await call('clock set', { ms: Date.now() })
    say(t('network.clockIsSet'))
    onClose()
    again()
  }
  return (
    <ActionDialog title={t('network.clock')} onClose={onClose} action={{ text: t('apply'), work: apply }}>
      <p>{t('network.clockText')}</p>
      <p>{t('network.clockNow', { time: time(Date.now() * 1000, true) })}</p>
    </ActionDialog>
  )
}
