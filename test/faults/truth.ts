// What is known of a log from outside: what was given to it, what it acknowledged, and what the destination has. Read from the lines of
// log.main.ts; at a crash it is what the lines before it say.
//
//   open MS EPOCH        ready
//   given END REFUSED    readings below END, and so many refused ones in all, may be in the log from here on
//   ack FROM TO REFUSED  [FROM, TO) and so many refused ones are
//   sent JSON            the destination has this transaction
//   done, closed         the script is over; after a clean stop
//   failed, unopened, reader TEXT
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, withInterval } from '../../src/core/intervals.ts'
import type { LedgerRow, Slice } from '../../src/core/log.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { Life } from './life.ts'

/** A line of the ledger, and the gap stream that it was said in: after a rebuild that of another epoch than its readings. */
export interface SaidLine {
  readonly gap: string
  readonly row: LedgerRow
}

export interface SentTransaction {
  readonly transaction: number
  readonly delivered: readonly (readonly [string, Intervals])[]
  readonly raw: readonly { readonly stream: string; readonly readings: readonly (readonly [number, number])[] }[]
  readonly aggregates: readonly { readonly stream: string; readonly readings: readonly (readonly [number, number])[] }[]
  readonly gaps: readonly SaidLine[]
}

export interface Truth {
  given: number
  refusedGiven: number
  acked: Intervals
  refusedAcked: number
  position: Life['position']
  /** By stream: what the destination has, as sequence and number. */
  readonly sent: Map<string, Map<number, number>>
  /** By stream: the aggregates that the destination has, and how many readings each stands for. */
  readonly aggregates: Map<string, Map<number, number>>
  readonly gaps: SaidLine[]
  readonly epochs: string[]
  openMs: number
  /** Words of the lines without data, in their order. */
  readonly words: string[]
  /** What contradicts itself. */
  readonly wrong: string[]
  /** The start of a line whose end has not come. */
  rest: string
}

export const newTruth = (): Truth => ({
  given: 0,
  refusedGiven: 0,
  acked: [],
  refusedAcked: 0,
  position: null,
  sent: new Map(),
  aggregates: new Map(),
  gaps: [],
  epochs: [],
  openMs: 0,
  words: [],
  wrong: [],
  rest: '',
})

export const copyOf = (truth: Truth): Truth => structuredClone(truth)

/** Another process begins: a line that was cut off is no line. */
export function beginLife(truth: Truth): void {
  truth.rest = ''
  truth.words.length = 0
}

export function hear(truth: Truth, text: string): void {
  const lines = (truth.rest + text).split('\n')
  truth.rest = lines.pop() ?? ''
  for (const line of lines) hearLine(truth, line)
}

function hearLine(truth: Truth, line: string): void {
  const space = line.indexOf(' ')
  const word = space < 0 ? line : line.slice(0, space)
  const text = line.slice(word.length + 1)
  const [a = 0, b = 0, c = 0] = text.split(' ').map(Number)
  if (word === 'given') Object.assign(truth, { given: a, refusedGiven: b })
  else if (word === 'ack') {
    truth.acked = withInterval(truth.acked, a, b)
    truth.refusedAcked += c
  } else if (word === 'sent') receive(truth, JSON.parse(text) as SentTransaction)
  else if (word === 'open') {
    truth.openMs = a
    truth.epochs.push(text.split(' ')[1] ?? '')
    truth.words.push('open')
  } else truth.words.push(line)
}

function receive(truth: Truth, { transaction, delivered, raw, aggregates, gaps }: SentTransaction): void {
  if (truth.position && transaction <= truth.position.transaction)
    truth.wrong.push(`transaction ${transaction} after ${truth.position.transaction}`)
  truth.position = { transaction, delivered }
  truth.gaps.push(...gaps)
  for (const it of raw) keep(truth, truth.sent, it)
  for (const it of aggregates) keep(truth, truth.aggregates, it)
}

function keep(truth: Truth, all: Truth['sent'], { stream, readings }: SentTransaction['raw'][number]): void {
  const known = all.get(stream) ?? new Map<number, number>()
  all.set(stream, known)
  for (const [sequence, it] of readings) {
    if (known.has(sequence)) truth.wrong.push(`${stream} ${sequence} was sent as ${known.get(sequence)} and as ${it}`)
    known.set(sequence, it)
  }
}

/** Of a slice of a gap stream; of another there are none. */
export function linesOf(slice: Slice): SaidLine[] {
  if (slice.form !== 'gap') return []
  return slice.rows.map((row) => ({ gap: streamKey(slice.stream), row }))
}

/** Lines that were told one by one may have become one since. */
export function isPartOf(part: LedgerRow, { stream, from, to, action, reason, exact }: LedgerRow): boolean {
  const isSame = streamKey(part.stream) === streamKey(stream) && part.action === action && part.reason === reason
  return isSame && exact && part.exact && from <= part.from && part.to <= to
}

/** Whether a line names just what lines that were told before name. */
export function isJustOf(told: Iterable<LedgerRow>, row: LedgerRow): boolean {
  const parts = [...told].filter((it) => isPartOf(it, row))
  return contains(
    parts.reduce<Intervals>((set, it) => withInterval(set, it.from, it.to), []),
    row.from,
    row.to,
  )
}
