/** How patient a source is, and its dice. A test is in more of a hurry than a plant. */
export interface Timing {
  /** Beyond two keep-alives: so long a subscription may say nothing. */
  readonly silenceMarginMs: number
  readonly watchEveryMs: number
  /** So long the first values of a subscription, and late messages, may take before a gap is read from history. */
  readonly settleMs: number
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  readonly connectMsMax: number
  readonly disconnectMsMax: number
  /** After half of this without an answer the library asks for a sign of life; without one it builds the channel anew. */
  readonly pingMs: number
  readonly random: () => number
}

export const TIMING: Timing = {
  silenceMarginMs: 15_000,
  watchEveryMs: 1_000,
  settleMs: 3_000,
  backoffMsMin: 1_000,
  backoffMsMax: 30_000,
  connectMsMax: 30_000,
  disconnectMsMax: 5_000,
  pingMs: 10_000,
  random: Math.random,
}

/** Before attempt 1, 2, 3 …: doubling from the least to the most, half of it by lot, so that many boxes do not come at once. */
export function backoffMs(attempt: number, timing: Timing): number {
  const full = Math.min(timing.backoffMsMax, timing.backoffMsMin * 2 ** Math.min(attempt - 1, 20))
  return full * (0.5 + timing.random() / 2)
}
