// Rows that somebody asked for, sent beside the forward: they keep the windows, the classes, the budget and the rate of the uplink as readings do.
//
// What waits is tried again from its first row, so what can never go, and what ran out of its budget or its window on the way, is refused for good:
// the same rows would go again and again, and use up the budget for nothing.
import type { Admission, Admitted, Grant, Route } from '../../core/admission.ts'
import { isSameRoute, SYSTEM_CLASS } from '../../core/admission.ts'
import type { QueryRow } from '../../core/agent-api.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import { sleep } from '../keep-running.ts'
import type { UplinkAdmission } from './admission.ts'
import type { Untold } from './metering.ts'
import { isEnd } from './metering.ts'

/** So many rows go from one look to the next, and take so many bytes of the budget until it is known how many they were. */
const LOOK_EVERY_ROWS = 1_000
const LOOK_BYTES = 32_000
const RATE_LOOK_MS = 1_000

type Asked = Pick<Admission, 'now' | 'reserve'> & Pick<UplinkAdmission, 'view' | 'neverGoes'>
type Refusal = Unreachable | BadInput

/** What the uplink's sockets carry, rows and all else. */
export interface OnSockets {
  carried(): Promise<number>
  readonly untold: Untold
}

export interface AdmittedRows {
  readonly route: Route | undefined
  /** Rejects with `why` as soon as they may not go on. */
  readonly rows: AsyncIterable<QueryRow>
  /** Unreachable: they may be tried again. BadInput: they are refused for good. */
  why(): Refusal | undefined
  /** What the last of them took is told too. */
  close(): Promise<void>
}

/** Throws as `why` says where nothing may go now. */
export function admittedRows(
  rows: AsyncIterable<QueryRow>,
  admission: Asked,
  sockets: OnSockets,
  signal: AbortSignal,
): AdmittedRows {
  let taken = 0
  let why: Refusal | undefined
  /** Of what the sockets have not carried yet: rows are gathered before they go. */
  let grants: Grant[] = []
  let lookBytes = LOOK_BYTES
  const { route } = asked()

  function asked(): Admitted {
    const now = admission.now()
    const wait =
      now.wait ?? (now.bytesMax > 0 ? undefined : { code: 'budget' as const, text: 'nothing is left of it', until: undefined })
    if (!wait || !isEnd(wait)) return now
    if (nothingEverGoes()) throw refusedForGood('uplink', wait.text)
    throw refusal(wait.code, wait.text)
  }

  /** Those apart that delivery gives to others: somebody asked for these. */
  const waiting = () => admission.view().classes.filter((it) => !it.sent && it.code !== 'delivery')

  function nothingEverGoes(): boolean {
    const { classes } = admission.view()
    return classes.every((it) => it.name === SYSTEM_CLASS || it.code === 'delivery' || admission.neverGoes(it.name))
  }

  /** A link that went may come back at any moment; a budget and a window will be as small the next time. */
  function refusal(code: string, text: string): Refusal {
    return taken > 0 && code !== 'link' ? refusedForGood('range', text) : new Unreachable(code, text)
  }

  function refusedForGood(where: string, text: string): BadInput {
    const again =
      taken > 0 ? `, after ${taken} readings, of which some may have gone: ask for the rest in smaller ranges, or by class` : ''
    return new BadInput([{ where, text: `${text}${again}` }])
  }

  function classRefusal(name: string): Refusal {
    const { code = 'link', text = 'may not go now' } = waiting().find((it) => it.name === name) ?? {}
    if (taken > 0 || admission.neverGoes(name)) return refusedForGood(name, text)
    return new Unreachable(code, `${name}: ${text}`)
  }

  /** What went since the last look is told; false: it was more than the budget holds. */
  async function tell(): Promise<boolean> {
    if (grants.length === 0) return true
    const bytes = sockets.untold.take(await sockets.carried())
    if (bytes === 0) return true
    const [one, ...others] = grants
    grants = []
    lookBytes = Math.max(LOOK_BYTES, bytes)
    for (const it of others) it.end()
    const isWithin = one?.spent(bytes) ?? true
    one?.end()
    return isWithin
  }

  async function close(): Promise<void> {
    await tell().finally(() => {
      for (const it of grants.splice(0)) it.end()
    })
  }

  /** Classes that may not go. */
  async function turn(): Promise<readonly string[]> {
    const isWithin = await tell()
    for (;;) {
      signal.throwIfAborted()
      const now = asked()
      if (!isSameRoute(now.route, route)) throw new Unreachable('link', `${route?.link ?? 'the link'} is not the way any more`)
      if (now.wait) {
        await sleep(RATE_LOOK_MS, signal)
        continue
      }
      const grant = await admission.reserve?.(route, lookBytes)
      if (grant) grants.push(grant)
      if (!isWithin || (admission.reserve && route && !grant))
        throw refusal('budget', `the budget of ${route?.link} has no room for more`)
      return now.except.length > 0 ? waiting().map((it) => it.name) : []
    }
  }

  async function* admitted(): AsyncGenerator<QueryRow> {
    let except: readonly string[] = []
    for await (const row of rows) {
      if (taken % LOOK_EVERY_ROWS === 0) except = await turn()
      if (except.includes(row.class)) throw classRefusal(row.class)
      taken++
      yield row
    }
  }

  async function* kept(): AsyncGenerator<QueryRow> {
    try {
      yield* admitted()
    } catch (error) {
      if (error instanceof Unreachable || error instanceof BadInput) why = error
      throw error
    }
  }

  return { route, rows: kept(), why: () => why, close }
}
