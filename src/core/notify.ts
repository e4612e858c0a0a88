// Notifications on site: who is told of which events, and what that needs of the log.
//
// A notifier reads the log as a local consumer does, from a position of its own that the log keeps for it (`NotifyLog.save`): so an event is durable
// before anybody is told, and what was not told yet outlives a kill. Each event is told at least once, or counted in a message that sums up.
import type { Unreachable } from './errors.ts'
import type { FollowNumbers, FollowTaken } from './follow.ts'
import type { Quality } from './reading.ts'
import type { RuleSettings } from './rule.ts'
import { RULE_TAGS, ruleTag } from './rule.ts'
import type { TestStep } from './source.ts'

export interface NotifySettings {
  readonly name: string
  readonly on: NotifyOn
  readonly kind: string
  /** What the kind's own schema yields. */
  readonly settings: unknown
  /** Messages in an hour; what comes beyond it is counted, and told in one. */
  readonly perHourMax: number
  /** The same event is told again after so long at the soonest; 0: each time. */
  readonly repeatAfterMs: number
  /** What is older when it could be told is summed up. */
  readonly staleAfterMs: number
  readonly language: NotifyLanguage
}

export const NOTIFY_LANGUAGES = ['en', 'de'] as const
export type NotifyLanguage = (typeof NOTIFY_LANGUAGES)[number]

/** With neither rules nor tags: events of all rules. */
export interface NotifyOn {
  readonly rules?: readonly string[] | undefined
  /** Readings of these tags are events too; in each `*` stands for any characters. */
  readonly tags?: readonly string[] | undefined
  readonly classes?: readonly string[] | undefined
  /** The least of events that say one (OPC UA); others are told whatever it is. */
  readonly severityMin?: number | undefined
}

/** Tags that its events are readings of. */
export function notifyTags({ rules, tags = [] }: NotifyOn): readonly string[] {
  if (rules === undefined && tags.length === 0) return [`${RULE_TAGS}*`]
  return [...(rules ?? []).map(ruleTag), ...tags]
}

/** Classes that it must read. */
export function notifyClasses({ classes, rules }: NotifyOn, all: readonly Pick<RuleSettings, 'name' | 'yields'>[]): string[] {
  // Sorted: another order of the same is no change.
  if (classes) return classes.toSorted()
  return [...new Set(all.filter((it) => rules?.includes(it.name) ?? true).map((it) => it.yields.class))].toSorted()
}

/** Which streams stay in the log until a notifier has read them. */
export interface NotifyReads {
  readonly name: string
  readonly classes: readonly string[]
}

/** Events that were not told one by one. Times as they were received. */
export interface HeldEvents {
  readonly count: number
  readonly from: number
  readonly to: number
}

/** What a notifier has on disk, as one. */
export interface NotifySaved {
  /** What its numbers are of: one that reads something else begins anew. */
  readonly reads: string
  /** It has told, or counted below, all events before these. */
  readonly numbers: FollowNumbers
  readonly sent: number
  readonly heldBack: number
  /** Readings that went before it had read them. */
  readonly missed: number
  /** When that was seen last. */
  readonly missedAt?: number | undefined
  /** The hour that began with a message, and the messages in it. */
  readonly hour: { readonly from: number; readonly count: number }
  /** To be told in one message: too old, or beyond the limit. */
  readonly stale?: HeldEvents | undefined
  readonly limited?: HeldEvents | undefined
  /** By what they are about. */
  readonly told: Readonly<Record<string, Told>>
}

/** When something was told last, and how often it came since. */
export interface Told {
  readonly at: number
  readonly count: number
  /** What it was told to be, in a word; absent: it has no states. */
  readonly state?: string | undefined
  /** Of those that came since: the title of the last, and when they were received. */
  readonly last?: { readonly title: string; readonly from: number; readonly to: number } | undefined
}

export interface NotifyLog {
  /** Undefined: it is new. */
  saved(name: string): Promise<NotifySaved | undefined>
  /** Durable when it resolves. False: there is no room now. */
  save(name: string, saved: NotifySaved): Promise<boolean>
}

/** Where a notifier reads, its own tags and classes alone. */
export interface NotifyEvents {
  /** In one word what is read: its tags and classes. */
  readonly reads: string
  /** From now on, or behind numbers that were saved: rejects with BadInput where they are of another log. */
  begin(numbers: FollowNumbers | 'now'): Promise<FollowNumbers>
  read(numbers: FollowNumbers): Promise<FollowTaken>
}

/** One event, as it is told. */
export interface NotifiedEvent {
  readonly device: string
  readonly epoch: string
  readonly class: string
  readonly sequence: number
  readonly tag: string
  /** Absent: of a tag. */
  readonly rule?: string
  readonly time: number
  readonly received: number
  readonly quality: Quality
  readonly value: string | number | boolean | null
  /** What a text value says, where it is an object in JSON. */
  readonly said?: Readonly<Record<string, unknown>>
}

export interface Notification {
  /** The same whenever the same is told again. */
  readonly id: string
  readonly kind: 'event' | 'stale' | 'limited' | 'repeated' | 'test'
  readonly notifier: string
  readonly device: string
  readonly site: string
  /** One line, and all of it: in the notifier's language. */
  readonly title: string
  readonly text: string
  readonly event?: NotifiedEvent
  /** So often it came since it was told last. */
  readonly repeats?: number
  /** Events that are summed up. */
  readonly held?: HeldEvents
}

/** Where messages go. It retries nothing. */
export interface NotifyTarget {
  /** Resolves once the far end has taken it, with what it refused of it (one of several recipients); rejects with Unreachable. */
  send(notification: Notification, signal: AbortSignal): Promise<Unreachable | void>
  /** From the name of the far end to the message that it takes, step by step. */
  test(notification: Notification, signal: AbortSignal): AsyncIterable<TestStep>
  close(): Promise<void>
}

export interface NotifyContext {
  readonly name: string
  readonly device: string
}

export type OpenTarget = (settings: never, context: NotifyContext) => NotifyTarget

/** What `status` says of a notifier. */
export interface NotifyReport {
  readonly name: string
  readonly kind: string
  readonly state: 'starting' | 'up' | 'waiting'
  readonly sent: number
  /** Events that were not told one by one: repeated, beyond the limit, or too old. */
  readonly heldBack: number
  readonly missed: number
  /** When readings were found missing last, null: never. */
  readonly lastMissed: number | null
  /** When a message was taken last, null: never since the agent runs. */
  readonly lastSent: number | null
  /** Tries in a row that failed. */
  readonly failures: number
  /** Of the last failure; without failures: of what was taken in part alone. */
  readonly code?: string
  readonly lastError?: string
  readonly remedy?: string
}
