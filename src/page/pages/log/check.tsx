// Reads all of the log, file by file, and says what is damaged.
import { useRef } from 'preact/hooks'
import type { CheckStep } from '../../../core/log-files.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Progress } from '../../parts/progress.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { bytes, number } from '../../format/number.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import { secondsLeft } from './bars.ts'

export function Check() {
  const check = useRows('log check')
  const begun = useRef(0)
  const start = () => {
    begun.current = performance.now()
    return check.start({})
  }
  const last = check.rows.at(-1)
  const actions = check.isRunning ? (
    <button type="button" onClick={check.stop}>
      {t('cancel')}
    </button>
  ) : (
    may('technician') && <Button onPress={start}>{t('log.check')}</Button>
  )
  return (
    <Card title={t('log.checkTitle')} actions={actions}>
      <p class="quiet">{t('log.checkAbout')}</p>
      {check.isRunning && (
        <Progress
          label={t('log.checkTitle')}
          share={last && last.all > 0 ? last.done / last.all : undefined}
          secondsLeft={last ? (secondsLeft(last.done, last.all, performance.now() - begun.current) ?? null) : null}
        />
      )}
      {check.error !== undefined && <ErrorView error={check.error} retry={start} />}
      {/* Of a check that was cancelled nobody can say that all is whole. */}
      {check.isAnswered && <Result steps={check.rows} />}
    </Card>
  )
}

/** What is left of a block that was given up harms nobody. */
const harmOf = ({ file }: CheckStep) => file.damage.filter((it) => it.stream !== null || it.offset === null)

function Result({ steps }: { readonly steps: readonly CheckStep[] }) {
  const harm = steps.flatMap((step) => harmOf(step).map((it) => ({ ...it, file: step.file })))
  const sum = (of: (it: CheckStep) => number) => steps.reduce((total, it) => total + of(it), 0)
  return (
    <div role="status">
      <p>
        <Badge tone={harm.length === 0 ? 'ok' : 'problem'}>
          {harm.length === 0 ? t('log.whole') : t('log.damaged', { n: harm.length })}
        </Badge>{' '}
        {t('log.checked', {
          files: steps.length,
          bytes: bytes(sum((it) => it.file.bytes)),
          readings: number(
            sum((it) => it.file.readings),
            0,
          ),
        })}
      </p>
      <ul class="lines">
        {harm.map((it) => (
          <li key={`${it.file.segment}:${it.offset}:${it.what}`}>
            <code>{it.file.segment === null ? 'journal' : `${it.file.class}/${it.file.segment}.${it.file.form}`}</code> {it.what}
            {it.readings > 0 && ` (${number(it.readings, 0)} ${t('readingsUnit')})`}
          </li>
        ))}
      </ul>
      {harm.length > 0 && <p class="remedy">{t('log.repair')}</p>}
    </div>
  )
}
