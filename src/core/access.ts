// What an operator sees of access: users, sessions, tokens, what was done. Times in microseconds since 1970 UTC.
import type { OperatorRole } from './operator.ts'

export interface User {
  readonly name: string
  readonly role: OperatorRole
  readonly at: number
  /** Who made it. */
  readonly by: string
}

export interface SessionView {
  /** Tells nothing of the session's token. */
  readonly id: string
  readonly user: string
  readonly address: string
  readonly at: number
  /** Since it was last used; to the minute. */
  readonly idleMs: number
}

/** For scripts. */
export interface ApiToken {
  readonly name: string
  readonly role: OperatorRole
  readonly at: number
  readonly by: string
  readonly until: number
  /** Null: never yet. To the minute. */
  readonly used: number | null
}

export interface AuditEvent {
  /** Grows by one with each event, for the life of the box. */
  readonly position: number
  /** By the box's clock then. */
  readonly at: number
  /** `log-in`, `log-in-failed`, `claim`, `settings apply` … */
  readonly what: string
  /** A user, `token NAME`, `console`; `nobody` where nobody is known by that name. */
  readonly by: string
  readonly address: string
  readonly detail: Readonly<Record<string, string>>
}

export interface AuditPage {
  readonly events: readonly AuditEvent[]
  /** Events that were cut off before the oldest that is left: the list is bounded. */
  readonly cut: number
}

/** Stands until an admin says that he has seen it. */
export interface AccessIssue {
  readonly code: string
  readonly at: number
  readonly text: string
  readonly remedy: string
}

/** What the page is served with. */
export interface CertificateView {
  /** SHA-256. */
  readonly fingerprint: string
  readonly subject: string
  /** Hosts and addresses that it is for. */
  readonly names: readonly string[]
  /** ISO 8601. */
  readonly validFrom: string
  readonly validTo: string
  /** False: the device made it for itself. */
  readonly isOwners: boolean
}
