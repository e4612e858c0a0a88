/** What access does not allow, for a person: a face shows text and remedy, and goes on. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: RefusedCode
  readonly remedy: string | undefined
  /** Ask again after so long: a guess was not looked at. */
  readonly waitMs: number | undefined
  constructor(code: RefusedCode, text: string, options: { remedy?: string; waitMs?: number } = {}) {
    super(text)
    this.code = code
    this.remedy = options.remedy
    this.waitMs = options.waitMs
  }
}

/** `unclaimed`, `claimed`: the box is (not) anybody's yet. `wait`: too many guesses. `no-session`: nobody, or nobody any more. */
export type RefusedCode =
  | 'unclaimed'
  | 'claimed'
  | 'wrong-password'
  | 'wrong-code'
  | 'wait'
  | 'no-session'
  | 'not-allowed'
  | 'reset-off'
