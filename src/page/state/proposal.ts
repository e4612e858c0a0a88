// The one way in which the page changes settings: edit → check → difference → apply from the revision it was made from → undo.
import { signal } from '@preact/signals'
import type { SettingsChange, SettingsCheck, SettingsNow } from '../../core/operator.ts'
import { call } from '../api/client.ts'
import { errorOf } from '../api/errors.ts'
import { say } from '../parts/toast.tsx'
import { t } from '../words/index.ts'
import { askStatus } from './status.ts'

/** Makes the new text out of the one that is in force. Called again when somebody else was faster. */
export type Edit = (text: string) => string | Promise<string>

export interface Proposal {
  readonly title: string
  readonly edit: Edit
  readonly base: SettingsNow
  readonly text: string
  readonly check: SettingsCheck
  /** Taken back unless it is confirmed within. */
  readonly confirmWithinMs?: number
  /** What another person changed since this was begun. */
  readonly theirs?: readonly SettingsChange[]
  readonly applied?: (now: SettingsNow) => unknown
}

/** The proposal that is shown now. */
export const proposal = signal<Proposal | undefined>(undefined)

type Asked = Pick<Proposal, 'title' | 'edit' | 'confirmWithinMs' | 'applied'>

/** Edited and checked, not shown yet: a form can put the problems beside its fields first. */
export async function prepare(asked: Asked): Promise<Proposal> {
  const base = await call('settings show', {})
  const text = await asked.edit(base.text)
  return { ...asked, base, text, check: await call('settings check', { text }) }
}

export function show(it: Proposal): void {
  proposal.value = it
}

export async function propose(asked: Asked): Promise<void> {
  show(await prepare(asked))
}

/** Resolves with true once it is in force; false: somebody was faster, and the proposal now stands on what they made. */
export async function apply(it: Proposal): Promise<boolean> {
  try {
    const now = await call('settings apply', {
      text: it.text,
      base: it.base.revision,
      note: it.title,
      ...(it.confirmWithinMs !== undefined && { confirmWithinMs: it.confirmWithinMs }),
    })
    proposal.value = undefined
    void askStatus()
    it.applied?.(now)
    if (it.confirmWithinMs === undefined)
      say(t('proposal.applied', { title: it.title }), undoOf(it.base.revision, now.revision, it.applied))
    return true
  } catch (error) {
    if (errorOf(error).code !== 'settings-changed') throw error
    proposal.value = { ...(await prepare(it)), theirs: await changesSince(it.base.text) }
    return false
  }
}

/** The agent tells what a text would change; what was changed since then is the same the other way round. */
async function changesSince(text: string): Promise<readonly SettingsChange[]> {
  const { changes } = await call('settings check', { text })
  return changes.map(({ path, old: now, new: then }) => ({
    path,
    ...(then !== undefined && { old: then }),
    ...(now !== undefined && { new: now }),
  }))
}

function undoOf(revision: string, applied: string, redraw: Proposal['applied']) {
  const run = async () => {
    try {
      const now = await call('settings show', {})
      // Not over what somebody else has applied since.
      if (now.revision !== applied) return say(t('proposal.undoLate'))
      redraw?.(await call('settings revert', { revision }))
      void askStatus()
      say(t('proposal.undone'))
    } catch (error) {
      say(errorOf(error).message)
    }
  }
  return { text: t('undo'), run }
}
