// One class per reaction. Anything else that is thrown is a bug: the thread or the process restarts.
import type { Arrived } from './position.ts'

interface UnreachableOptions {
  readonly cause?: unknown
  readonly remedy?: string | undefined
  readonly isDenied?: boolean
  readonly arrived?: Arrived
}

/** Wait and try again: the far end is away or does not let us in now. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
  /** A stable word, as in SourceStatus.code. */
  readonly code: string
  readonly remedy: string | undefined
  /** It does not know us, or not any more: knocking again soon helps nobody. */
  readonly isDenied: boolean
  /** Of a send, where the destination has no transactions: what need not go again. */
  readonly arrived: Arrived | undefined
  constructor(code: string, text: string, options?: UnreachableOptions) {
    super(text, options)
    this.code = code
    this.remedy = options?.remedy
    this.isDenied = options?.isDenied === true
    this.arrived = options?.arrived
  }
}

/** Some classes must wait for somebody to change something at the destination; nothing was committed, others go on. */
export class Blocked extends Error {
  override readonly name = 'Blocked'
  readonly code: string
  /** Topics that refuse. */
  readonly topics: readonly string[]
  /** Classes whose records go there. */
  readonly classes: readonly string[]
  readonly remedy: string | undefined
  constructor(
    code: string,
    text: string,
    where: { topics: readonly string[]; classes: readonly string[] },
    options?: { cause?: unknown; remedy?: string },
  ) {
    super(text, options)
    this.code = code
    this.topics = where.topics
    this.classes = where.classes
    this.remedy = options?.remedy
  }
}

/** Somebody gave us something that cannot be used: settings, arguments, a file. For a person, with what to do. */
export class BadInput extends Error {
  override readonly name = 'BadInput'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map((it) => `${it.where}: ${it.text}`).join('\n'))
    this.problems = problems
  }
}

export interface Problem {
  /** `settings.yaml:12 sources[0].host`, `--rate`. */
  readonly where: string
  readonly text: string
  readonly remedy?: string
}
