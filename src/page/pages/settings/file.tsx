// The settings file as text: checked while it is typed, with problems at their lines; applied after its difference.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { SettingsCheck, SettingsNow } from '../../../core/operator.ts'
import { call } from '../../api/client.ts'
import { isAbort } from '../../api/errors.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CopyButton } from '../../parts/copy.tsx'
import { SelectField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { propose } from '../../state/proposal.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { Editor } from './editor.tsx'

const SETTLED_MS = 500
const CONFIRM_MINUTES = ['0', '2', '5', '15'] as const

export function SettingsFile() {
  const { data, error, again } = useCall('settings show', {})
  if (error !== undefined && !data) return <ErrorView error={error} retry={again} />
  return data ? <Loaded key={data.revision} now={data} again={again} /> : <Waiting />
}

function Loaded({ now, again }: { readonly now: SettingsNow; readonly again: () => void }) {
  const [text, setText] = useState(now.text)
  const [minutes, setMinutes] = useState<string>('2')
  const [error, setError] = useState<unknown>()
  const check = useCheck(text, now.text)
  const isChanged = text !== now.text
  const jump = useRef<(line: number) => void>(undefined)
  const save = () =>
    propose({
      title: t('settings.change'),
      edit: () => text,
      applied: again,
      ...(minutes !== '0' && { confirmWithinMs: Number(minutes) * 60_000 }),
    }).catch(setError)
  return (
    <Card
      title={t('settings.file')}
      actions={<CopyButton text={now.revision.slice(0, 12)} label={t('settings.revision', { id: now.revision.slice(0, 12) })} />}
    >
      <Editor text={text} onInput={setText} isFixed={!may('admin')} problems={check?.problems ?? []} jump={jump} />
      <Said check={check} isChanged={isChanged} toLine={(line) => jump.current?.(line)} />
      {now.notInForce.map((it) => (
        <p key={it.path} class="quiet">
          <Badge tone="info">{t('line', { n: it.line })}</Badge> <code>{it.path}</code> {it.text}
        </p>
      ))}
      {error !== undefined && <ErrorView error={error} />}
      {may('admin') && isChanged && (
        <div class="apply-row">
          <SelectField
            label={t('settings.confirm')}
            hint={t('settings.confirmHint')}
            value={minutes}
            choices={CONFIRM_MINUTES.map((value) => ({
              value,
              text: value === '0' ? t('settings.stands') : t('settings.within', { n: Number(value) }),
            }))}
            onInput={setMinutes}
          />
          <div class="actions">
            <button type="button" onClick={() => setText(now.text)}>
              {t('discard')}
            </button>
            <Button kind="main" onPress={save} disabled={check === undefined || check.problems.length > 0}>
              {t('showDifference')}
            </Button>
          </div>
        </div>
      )}
    </Card>
  )
}

/** What the box says of the text; undefined while it is asked. */
function useCheck(text: string, before: string): SettingsCheck | undefined {
  const [check, setCheck] = useState<SettingsCheck | undefined>()
  useEffect(() => {
    setCheck(undefined)
    if (text === before) return
    const stop = new AbortController()
    const timer = window.setTimeout(() => {
      call('settings check', { text }, stop.signal).then(setCheck, (error: unknown) => isAbort(error) || setCheck(undefined))
    }, SETTLED_MS)
    return () => {
      window.clearTimeout(timer)
      stop.abort()
    }
  }, [text, before])
  return check
}

function Said({
  check,
  isChanged,
  toLine,
}: {
  check: SettingsCheck | undefined
  isChanged: boolean
  toLine: (line: number) => void
}) {
  if (!isChanged) return <p class="quiet">{t('settings.inForce')}</p>
  if (!check) return <Waiting text={t('settings.checking')} />
  if (check.problems.length === 0)
    return (
      <p role="status">
        <Badge tone="ok">{t('settings.right')}</Badge> {t('settings.changes', { n: check.changes.length })}
      </p>
    )
  return (
    <ul class="lines" aria-label={t('settings.problems')}>
      {check.problems.map((it) => (
        <li key={`${it.line}:${it.path}:${it.text}`}>
          <button type="button" class="plain line-link" onClick={() => toLine(it.line)}>
            <Badge tone="problem">{t('line', { n: it.line })}</Badge>
          </button>{' '}
          <code>{it.path}</code> {it.text}
          {it.remedy !== undefined && <p class="remedy">{it.remedy}</p>}
        </li>
      ))}
    </ul>
  )
}
