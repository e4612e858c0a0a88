// Is the subscription alive? Only data and keep-alives prove it: a server that was restarted has answered every call, raised every event
// of a happy end, and never sent a value again.

/** Monotonic ms throughout. */
export interface Pulse {
  /** Data or keep-alive of the subscription that is longest silent. */
  readonly heard: number
  /** The link broke then and the library is at it; undefined: it says that it has a link. */
  readonly lost: number | undefined
  /** It said so again then. */
  readonly restored: number
}

export interface Patience {
  /** Two keep-alives and the margin. */
  readonly silenceMs: number
  /** So long the server keeps session and values: before that, the library may try to take the session up again. */
  readonly sessionMs: number
}

/** 'silent', 'gone': drop everything and begin anew. Whatever the events say, it ends after session and silence together. */
export function verdict(now: number, pulse: Pulse, patience: Patience): 'alive' | 'silent' | 'gone' {
  if (now - pulse.heard > patience.sessionMs + patience.silenceMs) return 'gone'
  if (pulse.lost !== undefined) return now - pulse.lost > patience.sessionMs ? 'gone' : 'alive'
  return now - Math.max(pulse.heard, pulse.restored) > patience.silenceMs ? 'silent' : 'alive'
}
