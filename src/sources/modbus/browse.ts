// Looking round in a device that has no names: a range of registers is read now, and each register is shown as what it may be.
//
//   (root)          the four tables; before them, where the source has several units, the units: 7/holding
//   holding         its ranges of 100
//   holding:0-99    what they hold now; holding:5 is one
import { BadInput } from '../../core/errors.ts'
import type { BrowseEntry, BrowseRequest } from '../../core/source.ts'
import { candidatesOf } from './candidates.ts'
import { explainException, isAddressException } from './exceptions.ts'
import type { Link } from './link.ts'
import type { RegisterKind } from './registers.ts'
import { isBitKind, REGISTER_KINDS } from './registers.ts'

const ADDRESS_COUNT = 65_536
const RANGE = 100
/** One look reads at most so many registers, with at most so many requests: a device that has holes needs more of them. */
const REGISTERS_MAX = 1_000
const REQUESTS_MAX = 500

interface Looked {
  readonly number: number
  readonly link: Pick<Link, 'read'>
}

interface Place {
  readonly unit: Looked
  /** What stands before the table in a node. */
  readonly prefix: string
  readonly kind?: RegisterKind
  readonly from?: number
  readonly to?: number
}

export async function* browseUnits(
  units: readonly Looked[],
  blockMax: number,
  request: BrowseRequest,
  signal: AbortSignal,
): AsyncGenerator<BrowseEntry> {
  const words = request.search?.toLowerCase().split(/\s+/) ?? []
  let left = request.limit
  for await (const entry of entriesOf(units, blockMax, request.node ?? '', signal)) {
    if (signal.aborted || left <= 0) return
    if (!words.every((it) => entry.name.toLowerCase().includes(it))) continue
    left--
    yield entry
  }
}

async function* entriesOf(
  units: readonly Looked[],
  blockMax: number,
  node: string,
  signal: AbortSignal,
): AsyncGenerator<BrowseEntry> {
  if (node === '' && units.length > 1) {
    for (const { number } of units) yield folder(`${number}/`, `unit ${number}`)
    return
  }
  const place = placeOf(units, node)
  const { prefix, kind, from, to } = place
  if (kind === undefined) for (const it of REGISTER_KINDS) yield folder(`${prefix}${it}`, it)
  else if (from === undefined || to === undefined) yield* rangesOf(prefix, kind)
  else yield* registersOf(place.unit, prefix, kind, [from, to], blockMax, units.length > 1, signal)
}

function* rangesOf(prefix: string, kind: RegisterKind): Generator<BrowseEntry> {
  for (let from = 0; from < ADDRESS_COUNT; from += RANGE) {
    const range = `${kind}:${from}-${Math.min(ADDRESS_COUNT, from + RANGE) - 1}`
    yield folder(`${prefix}${range}`, range)
  }
}

function folder(node: string, name: string): BrowseEntry {
  return { node, name, isFolder: true, value: null }
}

function placeOf(units: readonly Looked[], node: string): Place {
  const [, number, table = ''] = /^(?:(\d+)\/)?(.*)$/.exec(node) ?? []
  const unit = number === undefined ? units[0] : units.find((it) => it.number === Number(number))
  const prefix = number === undefined ? '' : `${number}/`
  if (unit && table === '') return { unit, prefix }
  const [, name, first, last] = /^([a-z]+)(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(table) ?? []
  const kind = REGISTER_KINDS.find((it) => it === name)
  const [from, to] = [Number(first), Number(last ?? first) + 1]
  if (unit && kind && first === undefined) return { unit, prefix, kind }
  if (unit && kind && from < to && to <= ADDRESS_COUNT && to - from <= REGISTERS_MAX) return { unit, prefix, kind, from, to }
  const remedy = `coil, discrete, input or holding, then a range of at most ${REGISTERS_MAX} from 0 to 65535 (holding:0-99)`
  throw new BadInput([{ where: node, text: 'is no place in a Modbus device', remedy }])
}

interface Part {
  readonly from: number
  readonly to: number
  /** Undefined: refused with this exception. */
  readonly data: Buffer | undefined
  readonly exception: number
}

async function* registersOf(
  unit: Looked,
  prefix: string,
  kind: RegisterKind,
  [first, end]: readonly [number, number],
  blockMax: number,
  hasUnits: boolean,
  signal: AbortSignal,
): AsyncGenerator<BrowseEntry> {
  const budget = { requests: REQUESTS_MAX }
  const step = isBitKind(kind) ? REGISTERS_MAX : blockMax
  let parts: readonly Part[] = []
  for (let from = first; from < end && !signal.aborted; from += step)
    parts = joined(kind, parts, await partsOf(unit, kind, from, Math.min(end, from + step), budget))
  for (const part of parts) {
    if (part.data) yield* candidatesOf(prefix, hasUnits ? '{unit}/' : '', kind, part.from, part.to, part.data)
    else yield refusedEntry(prefix, kind, part)
  }
}

/** What of [from, to) can be read, and what not: halves of halves; neighbours that are refused are one part. */
async function partsOf(
  unit: Looked,
  kind: RegisterKind,
  from: number,
  to: number,
  budget: { requests: number },
): Promise<readonly Part[]> {
  budget.requests--
  const answer = await unit.link.read(kind, from, to - from)
  if ('data' in answer) return [{ from, to, data: answer.data, exception: 0 }]
  const { exception } = answer
  if (to - from === 1 || !isAddressException(exception) || budget.requests <= 0) return [{ from, to, data: undefined, exception }]
  const middle = (from + to) >> 1
  const below = await partsOf(unit, kind, from, middle, budget)
  const above = await partsOf(unit, kind, middle, to, budget)
  return joined(kind, below, above)
}

/** Neighbours that are alike become one: a value may lie across the place where a read was cut. Bits are packed and stay apart. */
function joined(kind: RegisterKind, below: readonly Part[], above: readonly Part[]): readonly Part[] {
  const [last, next] = [below.at(-1), above[0]]
  if (!last || !next) return [...below, ...above]
  const areRefused = !last.data && !next.data && last.exception === next.exception
  if (!areRefused && !(last.data && next.data && !isBitKind(kind))) return [...below, ...above]
  const data = last.data && next.data ? Buffer.concat([last.data, next.data]) : undefined
  return [...below.slice(0, -1), { ...last, to: next.to, data }, ...above.slice(1)]
}

function refusedEntry(prefix: string, kind: RegisterKind, { from, to, exception }: Part): BrowseEntry {
  const place = to - from === 1 ? `${kind}:${from}` : `${kind}:${from}-${to - 1}`
  const { text } = explainException(exception)
  return { node: `${prefix}${place}`, name: place, isFolder: false, value: null, description: `exception ${exception}: ${text}` }
}
