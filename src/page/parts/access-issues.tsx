// What stands on every page until an admin has seen it: a password that was set anew at the console.
import type { AccessIssue } from '../../core/access.ts'
import { call } from '../api/client.ts'
import { errorOf } from '../api/errors.ts'
import { may } from '../state/session.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { useRepeated } from './repeated.ts'
import { SaidLine } from './said.tsx'
import { saidWords } from './said-text.ts'
import { ErrorView } from './states.tsx'
import { Time } from './time.tsx'
import { say } from './toast.tsx'

const EVERY_MS = 30_000

export function AccessIssues() {
  const { data = [], error, again } = useRepeated('access issues', {}, EVERY_MS)
  // A box that does not answer at all is said by the page itself.
  const isOwn = error !== undefined && errorOf(error).status !== 0
  return (
    <>
      {isOwn && <ErrorView error={error} retry={again} />}
      {data.map((it) => (
        <Shown key={it.code} it={it} again={again} />
      ))}
    </>
  )
}

function Shown({ it, again }: { readonly it: AccessIssue; readonly again: () => void }) {
  const seen = async () => {
    try {
      await call('access acknowledge', { code: it.code })
    } catch (error) {
      say(errorOf(error).message)
    }
    again()
  }
  return (
    <section class="notice access-issue" aria-label={t('access.title')}>
      <p role="status">
        <Badge tone="attention">{t('access.title')}</Badge> <SaidLine text={it.text} code={it.code} />{' '}
        <Time micros={it.at} isWithDate />
      </p>
      <p class="remedy">{saidWords(it).remedy}</p>
      <p class="actions">
        {may('admin') && <Button onPress={seen}>{t('access.seen')}</Button>}
        <a href={`/about/manual?code=${encodeURIComponent(it.code)}`}>
          <code>{it.code}</code>
        </a>
      </p>
    </section>
  )
}
