// The update that is under way: its real share, the time left, or what it waits for.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { UpdateJobView, UpdateWaitCode } from '../../../core/update.ts'
import { call } from '../../api/client.ts'
import { bytes } from '../../format/number.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { Progress } from '../../parts/progress.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { may } from '../../state/session.ts'
import { SaidLine } from '../../parts/said.tsx'
import { t } from '../../words/index.ts'

/** Waits that somebody can end. */
const HURRIED: ReadonlySet<unknown> = new Set(['window', 'agreement', 'rest'])

/** What it rests after says its own sentence. */
const WAITS: Readonly<Record<UpdateWaitCode, string | undefined>> = {
  link: 'update-link',
  space: 'update-space',
  window: 'update-window',
  agreement: 'update-agreement',
  rest: undefined,
}

export function Job({ job, again }: { readonly job: UpdateJobView; readonly again: () => void }) {
  const { error, attempt } = useAttempt()
  const secondsLeft = useSecondsLeft(job)
  const tell = (name: 'update confirm' | 'update cancel') =>
    attempt(async () => {
      await call(name, {})
      again()
    })
  const isEarly = job.phase === 'fetch' || job.phase === 'ready'
  const canHurry = HURRIED.has(job.wait?.code)
  return (
    <Card title={t('update.underWay', { name: job.version ?? job.name })}>
      <p>
        <Badge tone={job.wait ? 'attention' : 'info'}>{t(`update.phase.${job.phase}`)}</Badge> {t('update.by', { name: job.by })}
      </p>
      {job.wait ? (
        <p role="status">
          <SaidLine text={job.wait.text} code={WAITS[job.wait.code]} />
        </p>
      ) : (
        <Progress label={t(`update.phase.${job.phase}`)} share={job.share ?? undefined} secondsLeft={secondsLeft} />
      )}
      {job.bytes > 0 && job.bytesAll !== null && (
        <p class="quiet">{t('update.bytes', { part: bytes(job.bytes), all: bytes(job.bytesAll) })}</p>
      )}
      {!job.wait && job.text !== '' && (
        <p class="quiet">
          <SaidLine text={job.text} />
        </p>
      )}
      {isEarly && may('technician') && (
        <p class="actions">
          {canHurry && (
            <Button kind="main" onPress={() => tell('update confirm')}>
              {t('update.confirm')}
            </Button>
          )}
          <Button onPress={() => tell('update cancel')}>{t('update.cancel')}</Button>
        </p>
      )}
      {error !== undefined && <ErrorView error={error} />}
    </Card>
  )
}

/** By the pace since this page has looked at this phase. */
function useSecondsLeft({ phase, share }: UpdateJobView): number | null {
  const start = useRef<{ readonly phase: string; readonly share: number; readonly at: number } | undefined>(undefined)
  const [left, setLeft] = useState<number | null>(null)
  useEffect(() => {
    if (share === null) {
      setLeft(null)
      return
    }
    if (start.current?.phase !== phase || share < start.current.share) start.current = { phase, share, at: performance.now() }
    const done = share - start.current.share
    const passed = (performance.now() - start.current.at) / 1000
    setLeft(done > 0.02 && passed > 2 ? ((1 - share) / done) * passed : null)
  }, [phase, share])
  return left
}
