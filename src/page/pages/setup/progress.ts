// How far the first run has come, kept in this browser: it can be left at any step and taken up again. Passwords are never in it.
import { signal } from '@preact/signals'

export const STEPS = ['box', 'uplink', 'source', 'tags', 'live'] as const
export type Step = (typeof STEPS)[number]

export interface UplinkDraft {
  readonly name: string
  readonly brokers: string
  readonly security: UplinkSecurity
  readonly user: string
  readonly ca: string
  readonly reason: string
}

export const SECURITIES = ['scram-sha-512', 'scram-sha-256', 'plain', 'none'] as const
export type UplinkSecurity = (typeof SECURITIES)[number]

export interface FirstRun {
  readonly step: Step
  readonly site: string
  readonly uplink: UplinkDraft
  /** The source that was added here. */
  readonly source: string
}

const KEY = 'first-run'
const BEGIN: FirstRun = {
  step: 'box',
  site: '',
  uplink: { name: 'cloud', brokers: '', security: 'scram-sha-512', user: '', ca: '', reason: '' },
  source: '',
}

function kept(): FirstRun {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<FirstRun>
    return { ...BEGIN, ...found, uplink: { ...BEGIN.uplink, ...found.uplink } }
  } catch {
    return BEGIN
  }
}

export const firstRun = signal<FirstRun>(kept())

export function keep(change: Partial<FirstRun>): void {
  firstRun.value = { ...firstRun.value, ...change }
  localStorage.setItem(KEY, JSON.stringify(firstRun.value))
}

export function goTo(step: Step): void {
  keep({ step })
  window.scrollTo(0, 0)
}

export function finish(): void {
  localStorage.removeItem(KEY)
  firstRun.value = BEGIN
}
