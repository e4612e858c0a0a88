// Names of secrets: where each is used, whether it is there. A secret itself never comes back.
import { useState } from 'preact/hooks'
import type { SecretEntry } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Card } from '../../parts/card.tsx'
import { Field, TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import { say } from '../../parts/toast.tsx'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'

const TONES: Record<SecretEntry['from'], Tone> = { store: 'ok', environment: 'info', missing: 'problem' }

export function Secrets() {
  const { data, error, again } = useCall('secrets list', {})
  const [shown, setShown] = useState<{ readonly kind: 'set' | 'remove'; readonly name: string } | undefined>()
  const close = () => setShown(undefined)
  const done = () => {
    close()
    again()
  }
  return (
    <Card
      title={t('settings.secrets')}
      actions={
        may('admin') && (
          <button type="button" onClick={() => setShown({ kind: 'set', name: '' })}>
            {t('secrets.add')}
          </button>
        )
      }
    >
      <p class="quiet">{t('secrets.about')}</p>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {!data && error === undefined && <Waiting />}
      {data?.length === 0 && <Empty title={t('secrets.none')} />}
      <ul class="lines">
        {data?.map((it) => (
          <li key={it.name} class="history-line">
            <div>
              <code>{it.name}</code> <Badge tone={TONES[it.from]}>{t(`secrets.from.${it.from}`)}</Badge>
              <div class="quiet">{it.usedBy.length > 0 ? it.usedBy.join(', ') : t('secrets.unused')}</div>
            </div>
            {may('admin') && (
              <div class="actions">
                <button
                  type="button"
                  aria-label={t('secrets.setOf', { name: it.name })}
                  onClick={() => setShown({ kind: 'set', name: it.name })}
                >
                  {t('secrets.set')}
                </button>
                {it.from === 'store' && (
                  <button
                    type="button"
                    aria-label={t('removeName', { name: it.name })}
                    onClick={() => setShown({ kind: 'remove', name: it.name })}
                  >
                    {t('remove')}
                  </button>
                )}
              </div>
            )}
          </li>
        ))}
      </ul>
      {shown?.kind === 'set' && <SetSecret name={shown.name} onClose={close} done={done} />}
      {shown?.kind === 'remove' && (
        <RemoveSecret entry={data?.find((it) => it.name === shown.name)} name={shown.name} onClose={close} done={done} />
      )}
    </Card>
  )
}

interface DialogProps {
  readonly name: string
  readonly onClose: () => void
  readonly done: () => void
}

function SetSecret({ name: given, onClose, done }: DialogProps) {
  const [name, setName] = useState(given)
  const [text, setText] = useState('')
  const [isSeen, setSeen] = useState(false)
  const set = async () => {
    await call('secrets set', { name, text })
    say(t('secrets.wasSet', { name }))
    done()
  }
  return (
    <ActionDialog
      title={given === '' ? t('secrets.add') : t('secrets.setOf', { name: given })}
      onClose={onClose}
      action={{ text: t('secrets.set'), work: set, disabled: name === '' || text === '' }}
    >
      {given === '' && <TextField label={t('name')} value={name} autocomplete="off" onInput={(it) => setName(it.trim())} />}
      <Field label={t('secrets.text')} hint={t('secrets.textHint')}>
        {(ties) => (
          <textarea
            {...ties}
            class={isSeen ? 'secret' : 'secret hidden-text'}
            rows={3}
            value={text}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
      <label class="check">
        <input type="checkbox" checked={isSeen} onChange={(event) => setSeen(event.currentTarget.checked)} />
        <span>{t('secrets.see')}</span>
      </label>
    </ActionDialog>
  )
}

function RemoveSecret({ entry, name, onClose, done }: DialogProps & { readonly entry: SecretEntry | undefined }) {
  const remove = async () => {
    await call('secrets remove', { name })
    done()
  }
  return (
    <ActionDialog
      title={t('removeName', { name })}
      onClose={onClose}
      action={{ text: t('remove'), kind: 'danger', work: remove }}
    >
      <p>{entry && entry.usedBy.length > 0 ? t('secrets.isUsed', { by: entry.usedBy.join(', ') }) : t('secrets.notUsed')}</p>
    </ActionDialog>
  )
}
