// Lines of the ledger as columns: there may be millions of gap records.

export type LineAction = 'aggregated' | 'elsewhere' | 'given-up'

/** Readings [from, to) that a gap record names, `count` of them. `sequence` is its place in the class's gap stream. */
export interface Line {
  from: number
  to: number
  count: number
  sequence: number
  action: LineAction
}

export interface Lines {
  readonly length: number
  add(line: Readonly<Line>): void
  /** In the order they came; the line is used again for the next one. */
  each(): Iterable<Readonly<Line>>
}

const ACTIONS: readonly LineAction[] = ['aggregated', 'elsewhere', 'given-up']
/** from, to, count, sequence */
const NUMBERS = 4
const FIRST = 16

export function lineColumns(): Lines {
  let numbers = new Float64Array(FIRST * NUMBERS)
  let actions = new Uint8Array(FIRST)
  let length = 0

  function grow(): void {
    const [before, beforeActions] = [numbers, actions]
    numbers = new Float64Array(before.length * 2)
    actions = new Uint8Array(beforeActions.length * 2)
    numbers.set(before)
    actions.set(beforeActions)
  }

  return {
    get length() {
      return length
    },
    add({ from, to, count, sequence, action }) {
      if (length === actions.length) grow()
      numbers.set([from, to, count, sequence], length * NUMBERS)
      actions[length++] = ACTIONS.indexOf(action)
    },
    *each() {
      const line: Line = { from: 0, to: 0, count: 0, sequence: 0, action: 'given-up' }
      for (let i = 0, at = 0; i < length; i++, at += NUMBERS) {
        line.from = numbers[at] as number
        line.to = numbers[at + 1] as number
        line.count = numbers[at + 2] as number
        line.sequence = numbers[at + 3] as number
        line.action = ACTIONS[actions[i] as number] as LineAction
        yield line
      }
    },
  }
}
