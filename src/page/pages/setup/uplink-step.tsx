// Where readings go: typed in, applied as one checked change together with the site, then tested step by step.
import { useState } from 'preact/hooks'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { Field, SelectField, TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Problems } from '../../parts/proposal.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { StepList } from '../../parts/steps.tsx'
import type { Entry } from '../../settings-text/entries.ts'
import { putEntry, putValues } from '../../settings-text/entries.ts'
import { NO_PROBLEMS, otherProblems, problemAt, problemsOf } from '../../settings-text/problems.ts'
import { prepare, show } from '../../state/proposal.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import type { UplinkDraft, UplinkSecurity } from './progress.ts'
import { firstRun, keep, SECURITIES } from './progress.ts'
import { Turn } from './turn.tsx'

export function UplinkStep() {
  const it = firstRun.value.uplink
  const [password, setPassword] = useState('')
  const [found, setFound] = useState(NO_PROBLEMS)
  const { error, attempt } = useAttempt()
  const test = useRows('uplinks test')
  const change = (key: keyof UplinkDraft) => (value: string) => keep({ uplink: { ...firstRun.value.uplink, [key]: value } })
  const isThere = status.value?.uplinks.some((one) => one.name === it.name) === true

  const submit = () =>
    attempt(async () => {
      if (password !== '') await call('secrets set', { name: it.name, text: password })
      const made = await prepare({
        title: t('setup.uplinkTitle', { name: it.name }),
        edit: (text) => withUplink(text, it, firstRun.value.site),
        applied: () => void test.start({ name: it.name }),
      })
      setFound(problemsOf(made, 'uplinks', it.name.trim()))
      if (made.check.problems.length > 0) return
      if (made.check.changes.length === 0) await test.start({ name: it.name })
      else show(made)
    })
  const problemOf = (key: string) => problemAt(found, key)
  const isOpen = it.security === 'none'
  const others = otherProblems(found, ['name', 'kafka.brokers', 'kafka.sasl', 'kafka.tls', 'kafka.insecure'])
  const isTested = test.rows.length > 0 || test.isRunning || test.error !== undefined
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <Card>
        {others.length > 0 && <Problems problems={others} />}
        <div class="fields">
          <TextField label={t('name')} value={it.name} error={problemOf('name')} onInput={change('name')} />
          <TextField
            label={t('setup.brokers')}
            hint={t('setup.brokersHint')}
            placeholder="kafka.example.com:9093"
            value={it.brokers}
            error={problemOf('kafka.brokers')}
            onInput={change('brokers')}
          />
          <SelectField
            label={t('setup.security')}
            value={it.security}
            choices={SECURITIES.map((one) => ({ value: one, text: t(`setup.security.${one}`) }))}
            onInput={(value) => change('security')(value as UplinkSecurity)}
          />
          {isOpen ? (
            <TextField
              label={t('form.insecure')}
              hint={t('form.insecureHint')}
              value={it.reason}
              error={problemOf('kafka.insecure')}
              onInput={change('reason')}
            />
          ) : (
            <>
              <TextField label={t('form.user')} value={it.user} error={problemOf('kafka.sasl.user')} onInput={change('user')} />
              <TextField
                label={t('form.password')}
                type="password"
                autocomplete="new-password"
                hint={t('form.secretHint')}
                value={password}
                error={problemOf('kafka.sasl.password')}
                onInput={setPassword}
              />
            </>
          )}
        </div>
        {!isOpen && <Authority value={it.ca} error={problemOf('kafka.tls')} onInput={change('ca')} />}
      </Card>
      {error !== undefined && <ErrorView error={error} />}
      <p class="actions form-end">
        <Button kind="main" onPress={submit}>
          {t('setup.applyAndTest')}
        </Button>
      </p>
      {isTested && (
        <Card title={t('setup.tested')}>
          <StepList steps={test.rows} isRunning={test.isRunning} />
          {test.error !== undefined && <ErrorView error={test.error} retry={() => test.start({ name: it.name })} />}
        </Card>
      )}
      <Turn back="box" {...(isThere && { on: 'source' as const })} />
    </form>
  )
}

function Authority({ value, error, onInput }: { value: string; error: string | undefined; onInput: (value: string) => void }) {
  return (
    <details class="more" open={value !== '' || error !== undefined}>
      <summary>{t('setup.ca')}</summary>
      <Field label={t('setup.caText')} hint={t('setup.caHint')} error={error}>
        {(ties) => (
          <textarea {...ties} class="table-text" rows={4} value={value} onInput={(event) => onInput(event.currentTarget.value)} />
        )}
      </Field>
    </details>
  )
}

/** The site and the uplink in one: both or neither. */
function withUplink(text: string, it: UplinkDraft, site: string): string {
  const named = site.trim() === '' ? text : putValues(text, [[['device', 'site'], site.trim()]])
  return putEntry(named, 'uplinks', it.name.trim(), { name: it.name.trim(), kafka: kafkaOf(it) })
}

function kafkaOf({ brokers, security, user, ca, reason, name }: UplinkDraft): Entry {
  const list = brokers.split(/[\s,;]+/).filter((it) => it !== '')
  if (security === 'none') return { brokers: list, insecure: reason.trim() === '' ? undefined : reason.trim() }
  return {
    brokers: list,
    tls: ca.trim() === '' ? {} : { ca: ca.trim() },
    sasl: { mechanism: security, user: user.trim(), password: { secret: name.trim() } },
  }
}
