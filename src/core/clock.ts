// The agent's time: the boot's own clock (it never jumps) plus an offset that changes only in steps, each of them noticed and recorded.

/** Who vouches for the time: a time service, the machine's battery clock, the host around a container. */
export type ClockTrust = 'ntp' | 'rtc' | 'host'

/** A stretch of one boot with one offset, as it begins: from one step of the clock to the next. */
export interface ClockState {
  /** Of this boot of the machine. */
  readonly bootId: string
  readonly trusted: boolean
  /** What the stretch began with: time = boot time + offset. Whole microseconds. */
  readonly offsetUs: number
  /** Microseconds since the machine was started, sleep included. */
  readonly bootUs: number
  /** Microseconds since 1970 UTC. */
  readonly now: number
  /** Counts the steps of this run of the agent: one more with each. What batches name the stretch by in which their times were taken. */
  readonly version: number
}

export interface Clock {
  /** Microseconds since 1970 UTC. */
  now(): number
  /** Monotonic milliseconds. */
  monotonic(): number
  /** The clock as it is until its next step: held on to, it goes on as if that step were not. Absent: this clock never steps. */
  held?(): HeldClock
}

export interface HeldClock {
  /** Microseconds since 1970 UTC. */
  now(): number
  /** `ClockState.version` of the stretch between two steps that these times belong to. */
  readonly version: number
}
