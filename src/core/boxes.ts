// Other boxes that have this one as their uplink: what they send, and what this one says of it.
import type { LogSeries, Slice } from './log.ts'
import type { Position } from './position.ts'
import type { StreamRange } from './stream.ts'

/** One transaction of another box. All of it is stored with its position, or nothing is. */
export interface BoxTransaction extends Position {
  /** Of the box that sent it; streams in it may be of boxes behind that one. */
  readonly device: string
  /** What it brings, with the holes between its slices. */
  readonly ranges: readonly StreamRange[]
  /** Of `ranges`: what another uplink of that box has. */
  readonly elsewhere: readonly StreamRange[]
  readonly slices: readonly Slice[]
  readonly series: readonly LogSeries[]
}

/** `full`: these classes have no room now, nothing was stored. */
export type BoxOutcome = { readonly kind: 'stored'; readonly rolledBack: number } | BoxRefusal
export interface BoxRefusal {
  readonly kind: 'full' | 'class-unknown'
  readonly classes: readonly string[]
}

/** The log as other boxes see it. */
export interface BoxLog {
  /** What the log has of a box, as of its last transaction. */
  position(device: string): Promise<Position | 'none'>
  /** Durable before it resolves. Rejects with BadInput, and changes nothing, where it contradicts what the log has. */
  take(sent: BoxTransaction): Promise<BoxOutcome>
}

/** What the far end of a session says: which one it is, and what is known of the box. */
export interface BoxSession {
  readonly session: string
  readonly position: Position | 'none'
}

/** Who takes what boxes send. A new session of a box ends the one before. */
export interface BoxIntake {
  begin(device: string): Promise<BoxSession>
  peek(device: string): Promise<number | 'none'>
  /** Rejects with Unreachable 'fenced' for a session that is over. */
  take(session: string, sent: BoxTransaction): Promise<BoxOutcome>
}

/** One box that may send. */
export interface AllowedBox {
  readonly device: string
  readonly password?: string | undefined
  /** Boxes whose streams it brings along with its own. */
  readonly behind: readonly string[]
}

/** What other boxes reach this one by. */
export interface BoxesSettings {
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls: { readonly cert: string; readonly key: string; readonly ca?: string | undefined }
  readonly allow: readonly AllowedBox[]
}

/** Of one box, for status. */
export interface BoxReport {
  readonly device: string
  /** µs since 1970 UTC; null: not since the agent began. */
  readonly lastSeen: number | null
  readonly transaction: number
  readonly readings: number
  /** Its last word, where it was not taken. */
  readonly lastError?: string
  readonly code?: string
}

/** Under which name the log keeps what it has of a box. No uplink can have it: names hold no colon. */
export const boxOf = (device: string) => `box:${device}`
