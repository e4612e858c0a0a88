// What is about to be applied: its difference, what starts anew, what to heed; and what somebody else changed meanwhile.
import { useState } from 'preact/hooks'
import type { SettingsCheck } from '../../core/operator.ts'
import type { Proposal } from '../state/proposal.ts'
import { apply, proposal } from '../state/proposal.ts'
import { may } from '../state/session.ts'
import { t } from '../words/index.ts'
import { Badge } from './badge.tsx'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { DiffView } from './diff.tsx'
import { ErrorView } from './states.tsx'

export function ProposalDialog() {
  const it = proposal.value
  return it ? <Shown key={it.base.revision + it.text} it={it} /> : null
}

function Shown({ it }: { readonly it: Proposal }) {
  const [error, setError] = useState<unknown>()
  const { problems, changes } = it.check
  const press = async () => {
    setError(undefined)
    await apply(it).catch(setError)
  }
  const close = () => {
    proposal.value = undefined
  }
  const actions = (
    <>
      <button type="button" onClick={close}>
        {t('cancel')}
      </button>
      <Button kind="main" onPress={press} disabled={problems.length > 0 || changes.length === 0 || !may('admin')}>
        {t('apply')}
      </Button>
    </>
  )
  return (
    <Dialog title={it.title} onClose={close} actions={actions} isWide>
      {it.theirs && <Theirs changes={it.theirs} />}
      <CheckView check={it.check} />
      {!may('admin') && <p class="remedy">{t('notAllowed', { role: t('role.admin') })}</p>}
      {error !== undefined && <ErrorView error={error} />}
    </Dialog>
  )
}

/** Why it cannot be, or what it changes; what starts anew, what to heed. */
export function CheckView({ check }: { readonly check: SettingsCheck }) {
  const { problems, changes } = check
  return (
    <>
      {problems.length > 0 ? <Problems problems={problems} /> : <DiffView changes={changes} />}
      <Effects check={check} />
    </>
  )
}

function Theirs({ changes }: { readonly changes: NonNullable<Proposal['theirs']> }) {
  return (
    <div class="notice" role="alert">
      <p>
        <Badge tone="attention">{t('proposal.theirs')}</Badge> {t('proposal.theirsText')}
      </p>
      <DiffView changes={changes} />
      <h3>{t('proposal.yours')}</h3>
    </div>
  )
}

export function Problems({ problems }: { readonly problems: SettingsCheck['problems'] }) {
  return (
    <ul class="problems" role="alert">
      {problems.map((it) => (
        <li key={`${it.path}:${it.line}:${it.text}`}>
          <Badge tone="problem">{t('line', { n: it.line })}</Badge> <code>{it.path}</code> {it.text}
          {it.remedy !== undefined && <p class="remedy">{it.remedy}</p>}
        </li>
      ))}
    </ul>
  )
}

export function Effects({ check }: { readonly check: SettingsCheck }) {
  return (
    <>
      {check.restarts.length > 0 && (
        <p class="quiet">
          {t('proposal.restarts')} {check.restarts.map((it) => (it === 'agent' ? t('proposal.agent') : it)).join(', ')}
        </p>
      )}
      {check.warnings.map((it) => (
        <p key={it}>
          <Badge tone="attention">{t('heed')}</Badge> {it}
        </p>
      ))}
    </>
  )
}
