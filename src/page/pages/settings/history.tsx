// Every version of the settings: who, when, why; what going back to it would change.
import { useState } from 'preact/hooks'
import type { SettingsCheck, SettingsEntry } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { DiffView } from '../../parts/diff.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Effects, Problems } from '../../parts/proposal.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { say } from '../../parts/toast.tsx'
import { may } from '../../state/session.ts'
import { askStatus } from '../../state/status.ts'
import { t } from '../../words/index.ts'

const TONES: Record<SettingsEntry['outcome'], Tone> = { current: 'ok', pending: 'attention', replaced: 'off', reverted: 'off' }

export function History() {
  const { data, error, again } = useCall('settings history', {})
  const [shown, setShown] = useState<SettingsEntry | undefined>()
  return (
    <Card title={t('settings.history')}>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      <ol class="lines">
        {data?.map((it) => (
          <li key={`${it.revision}${it.at}`} class="history-line">
            <div>
              <Badge tone={TONES[it.outcome]}>{t(`settings.outcome.${it.outcome}`)}</Badge> <Time micros={it.at} isWithDate />{' '}
              {it.by === 'file' ? t('settings.fromFile') : t('settings.by', { by: it.by })}{' '}
              {it.note !== undefined && <strong>{it.note}</strong>}
              <div class="quiet">
                <code>{it.revision.slice(0, 12)}</code>
              </div>
            </div>
            {it.outcome !== 'current' && (
              <button
                type="button"
                onClick={() => setShown(it)}
                aria-label={t('settings.differenceOf', { id: it.revision.slice(0, 12) })}
              >
                {t('settings.difference')}
              </button>
            )}
          </li>
        ))}
      </ol>
      {shown && (
        <Back
          entry={shown}
          onClose={() => setShown(undefined)}
          done={() => {
            setShown(undefined)
            again()
          }}
        />
      )}
    </Card>
  )
}

interface BackProps {
  readonly entry: SettingsEntry
  readonly onClose: () => void
  readonly done: () => void
}

function Back({ entry, onClose, done }: BackProps) {
  const text = useCall('settings text', { revision: entry.revision })
  const { error, attempt } = useAttempt()
  const back = () =>
    attempt(async () => {
      await call('settings revert', { revision: entry.revision })
      await askStatus()
      say(t('settings.wentBack'))
      done()
    })
  const actions = (
    <>
      {text.data && <CopyButton text={text.data.text} label={t('settings.copyText')} />}
      <button type="button" onClick={onClose}>
        {t('cancel')}
      </button>
      {may('admin') && (
        <Button kind="main" onPress={back} disabled={!text.data}>
          {t('settings.goBack')}
        </Button>
      )}
    </>
  )
  return (
    <Dialog title={t('settings.backTo', { id: entry.revision.slice(0, 12) })} onClose={onClose} actions={actions} isWide>
      {[error, text.error].map((it) => it !== undefined && <ErrorView key={String(it)} error={it} />)}
      {text.data ? <Shown text={text.data.text} /> : <Waiting />}
    </Dialog>
  )
}

/** A check takes a core for a while: whoever only sees is shown the text. */
const Shown = ({ text }: { readonly text: string }) => (may('technician') ? <Changes text={text} /> : <pre>{text}</pre>)

function Changes({ text }: { readonly text: string }) {
  const { data, error } = useCall('settings check', { text })
  if (error !== undefined) return <ErrorView error={error} />
  return data ? <Checked check={data} /> : <Waiting />
}

function Checked({ check }: { readonly check: SettingsCheck }) {
  if (check.problems.length > 0) return <Problems problems={check.problems} />
  return (
    <>
      <DiffView changes={check.changes} />
      <Effects check={check} />
    </>
  )
}
