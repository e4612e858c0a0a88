// What an interface has carried in the present period of its budget, and what it may yet.
//
//   spent     the larger of our sockets' bytes × 1.1 and of what the interface itself has counted, others' bytes included
//   granted   asked for and not gone yet
//   reserved  on disk. What must hold: spent + granted ≤ reserved ≤ the budget, before the first byte of a grant goes; so after any end
//             of the process or of the power, what is on disk is not less than what went. It is raised in steps, so that few
//             transactions wait for the disk, and a crash costs no more than a step.
import type { Grant } from '../../core/admission.ts'
import type { SavedAccount } from '../../core/links.ts'
import type { Micros } from '../../core/reading.ts'
import type { BudgetSettings } from '../../core/settings.ts'
import type { Zone } from '../../core/zone.ts'
import { timeZone } from '../../core/zone.ts'
import { periodOf } from './periods.ts'

export interface AccountParts {
  readonly interface: string
  readonly budget: BudgetSettings
  /** Bytes in and out since the interface came to be; undefined when it is not there. */
  counter(): number | undefined
  readonly boot: string
  now(): Micros
  /** Of earlier periods too. 'damaged': nobody knows what was spent, so the present period counts as spent. */
  readonly saved: readonly SavedAccount[] | 'damaged'
  /** Resolves once it is durable. */
  save(account: SavedAccount): Promise<void>
}

export interface Account {
  readonly budget: BudgetSettings
  /** Notices what the interface has counted since, and that another period has begun. */
  look(): void
  state(): AccountState
  reserve(bytes: number): Promise<Grant | undefined>
  /** What is reserved and not spent is free again. Resolves once that is durable. */
  close(): Promise<void>
}

export interface AccountState {
  readonly spent: number
  /** Of it, what the interface has counted since the account was opened; null when it tells nothing. */
  readonly counted: number | null
  /** What may yet be reserved. */
  readonly left: number
  readonly start: Micros
  readonly end: Micros
  /** What was spent before is not known: the period counts as spent. */
  readonly isUnknown: boolean
}

/** Headers, acknowledgements, what is sent again: of bytes on our sockets. */
const ON_THE_WIRE = 1.1
const STEP_SHARE = 0.01
const STEP_BYTES_MAX = 1_000_000

export function openAccount(parts: AccountParts): Account {
  const { budget } = parts
  const zone: Zone = timeZone(budget.zone)
  const step = Math.min(STEP_BYTES_MAX, Math.floor(budget.bytes * STEP_SHARE))
  let period = periodOf(budget.per, zone, parts.now())
  let lastCounter = parts.counter()
  const begun = before(parts, period.start, lastCounter)
  let { base, isUnknown } = begun
  let own = 0
  let counted = 0
  let granted = 0
  let reserved = begun.onDisk
  /** What the latest write holds, on its way or done: no later one may hold less. */
  let asked = begun.onDisk
  /** Periods of this run by their start, as reserved: a clock that is set back comes to one that was already. */
  const known = new Map<Micros, number>()

  const spent = () => base + Math.max(own * ON_THE_WIRE, counted)
  const left = () => Math.max(0, budget.bytes - spent() - granted)

  function look(): void {
    const now = parts.counter()
    if (now !== undefined) {
      // A counter that went back began anew.
      const grown = lastCounter === undefined || now < lastCounter ? now : now - lastCounter
      counted += grown
      lastCounter = now
    }
    const current = periodOf(budget.per, zone, parts.now())
    if (current.start !== period.start) renew(current)
    if (spent() > reserved) void save(spent() + granted).catch(() => {})
  }

  /** What is granted now may go in either period: each has room for it. */
  function renew(current: typeof period): void {
    period = current
    const earlier = parts.saved === 'damaged' ? undefined : savedOf(parts.saved, parts, period.start)
    base = Math.max(0, known.get(period.start) ?? earlier?.reserved ?? 0)
    own = 0
    counted = 0
    reserved = asked = base
    isUnknown = false
  }

  async function save(need: number): Promise<void> {
    const inSteps = Math.ceil(need / step) * step
    const next = Math.max(asked, need <= budget.bytes ? Math.min(budget.bytes, inSteps) : inSteps)
    const { start } = period
    asked = next
    known.set(start, next)
    await parts.save(record(next))
    if (period.start === start) reserved = Math.max(reserved, next)
  }

  function record(next: number): SavedAccount {
    const { interface: name, boot } = parts
    const { per, zone: zoneName } = budget
    return {
      interface: name,
      per,
      zone: zoneName,
      start: period.start,
      reserved: next,
      spent: spent(),
      counter: lastCounter ?? null,
      boot,
    }
  }

  async function reserve(bytes: number): Promise<Grant | undefined> {
    look()
    const cost = bytes * ON_THE_WIRE
    if (cost > left()) return undefined
    let open = cost
    granted += open
    try {
      if (spent() + granted > reserved) await save(spent() + granted)
    } catch (error) {
      granted -= open
      throw error
    }
    return {
      spent(more) {
        own += more
        const used = Math.min(open, more * ON_THE_WIRE)
        open -= used
        granted -= used
        look()
        return spent() <= budget.bytes
      },
      end() {
        granted -= open
        open = 0
      },
    }
  }

  return {
    budget,
    look,
    reserve,
    state: () => ({
      spent: spent(),
      counted: lastCounter === undefined ? null : counted,
      left: left(),
      start: period.start,
      end: period.end,
      isUnknown,
    }),
    async close() {
      look()
      await parts.save(record(spent() + granted))
    },
  }
}

function savedOf(
  saved: readonly SavedAccount[],
  { interface: name, budget }: AccountParts,
  start: Micros,
): SavedAccount | undefined {
  return saved.find((it) => it.interface === name && it.per === budget.per && it.zone === budget.zone && it.start === start)
}

/** What was spent of a period before this run, as far as can be told, and never less. */
function before(parts: AccountParts, start: Micros, counter: number | undefined) {
  if (parts.saved === 'damaged') return { base: parts.budget.bytes, isUnknown: true, onDisk: 0 }
  const saved = savedOf(parts.saved, parts, start)
  if (!saved) return { base: 0, isUnknown: false, onDisk: 0 }
  const base = Math.max(saved.reserved, saved.spent + countedSince(saved, parts.boot, counter))
  return { base, isUnknown: false, onDisk: saved.reserved }
}

/** Others send too while the agent is down. In another boot the interface's counter began anew. */
function countedSince({ counter, boot }: SavedAccount, bootNow: string, now: number | undefined): number {
  if (now === undefined) return 0
  if (boot !== bootNow || counter === null || now < counter) return now
  return now - counter
}
