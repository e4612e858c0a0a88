// Who is signed in here.
import { computed, signal } from '@preact/signals'
import type { OperatorRole } from '../../core/operator.ts'
import { OPERATOR_ROLES } from '../../core/operator.ts'
import { access, send } from '../api/client.ts'
import type { ApiError } from '../api/errors.ts'
import { errorOf } from '../api/errors.ts'

export interface User {
  readonly name: string
  readonly role: OperatorRole
}

export type Session =
  | { readonly state: 'asking' }
  | { readonly state: 'failed'; readonly error: ApiError }
  | { readonly state: 'unclaimed' }
  | { readonly state: 'out'; readonly hasEnded: boolean }
  | { readonly state: 'in'; readonly user: User }

export const session = signal<Session>({ state: 'asking' })
/** Of the certificate of this page, to be compared with label and console. */
export const fingerprint = signal<string | undefined>(undefined)
export const user = computed(() => (session.value.state === 'in' ? session.value.user : undefined))

/** Components that show what not everybody may do ask this. */
export function may(role: OperatorRole): boolean {
  const own = user.value?.role
  return own !== undefined && OPERATOR_ROLES.indexOf(own) >= OPERATOR_ROLES.indexOf(role)
}

access.ended = () => {
  if (session.value.state === 'in') session.value = { state: 'out', hasEnded: true }
}

/** As session, claim and login answer. */
interface Answer {
  readonly claimed: boolean
  readonly user: User | null
  readonly csrf?: string
  /** Of a session only. */
  readonly fingerprint?: string
}

function take(answer: unknown): void {
  const { claimed, user: own, csrf, fingerprint: shown } = answer as Answer
  fingerprint.value = shown ?? fingerprint.value
  access.csrf = csrf
  if (own) session.value = { state: 'in', user: own }
  else session.value = claimed ? { state: 'out', hasEnded: false } : { state: 'unclaimed' }
}

export async function askSession(): Promise<void> {
  try {
    take(await send('session', {}))
  } catch (error) {
    session.value = { state: 'failed', error: errorOf(error) }
  }
}

export async function logIn(name: string, password: string): Promise<void> {
  take(await send('login', { name, password }))
}

export async function claim(code: string, name: string, password: string): Promise<void> {
  take(await send('claim', { code, name, password }))
}

export async function logOut(): Promise<void> {
  await send('logout', {}).catch(() => {})
  await askSession()
}
