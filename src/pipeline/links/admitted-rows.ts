// Rows that somebody asked for, sent beside the forward: they keep the windows, the classes, the budget and the rate of the uplink as readings do.
import type { Admission, Admitted, Route } from '../../core/admission.ts'
import type { QueryRow } from '../../core/agent-api.ts'
import { Unreachable } from '../../core/errors.ts'
import { sleep } from '../keep-running.ts'
import type { UplinkAdmission } from './admission.ts'

/** So many rows go from one look to the next, and count as so many bytes on the wire. */
const LOOK_EVERY_ROWS = 1_000
const LOOK_BYTES = 32_000
const RATE_LOOK_MS = 1_000

type Asked = Pick<Admission, 'now' | 'reserve'> & Pick<UplinkAdmission, 'view'>

export interface AdmittedRows {
  readonly route: Route | undefined
  /** Rejects with `why` as soon as they may not go on. */
  readonly rows: AsyncIterable<QueryRow>
  why(): Unreachable | undefined
}

/** Throws Unreachable where nothing may go now. */
export function admittedRows(rows: AsyncIterable<QueryRow>, admission: Asked, signal: AbortSignal): AdmittedRows {
  const { route } = asked()
  let why: Unreachable | undefined

  function asked(): Admitted {
    const now = admission.now()
    const waits = now.wait ?? (now.bytesMax > 0 ? undefined : { code: 'budget', text: 'nothing is left of it' })
    if (waits && waits.code !== 'rate') throw new Unreachable(waits.code, waits.text)
    return now
  }

  /** Classes that may not go, those apart that delivery gives to others: somebody asked for these. */
  async function turn(): Promise<readonly string[]> {
    for (;;) {
      signal.throwIfAborted()
      const now = asked()
      if (now.route?.link !== route?.link || now.route?.localAddress !== route?.localAddress)
        throw new Unreachable('link', `${route?.link ?? 'the link'} is not the way any more`)
      if (now.wait) {
        await sleep(RATE_LOOK_MS, signal)
        continue
      }
      const grant = await admission.reserve?.(route, LOOK_BYTES)
      if (admission.reserve && route && !grant)
        throw new Unreachable('budget', `the budget of ${route.link} has no room for more`)
      grant?.spent(LOOK_BYTES)
      grant?.end()
      return now.except.length > 0 ? waiting().map((it) => it.name) : []
    }
  }

  const waiting = () => admission.view().classes.filter((it) => !it.sent && it.code !== 'delivery')

  function refusal(name: string): Unreachable {
    const found = waiting().find((it) => it.name === name)
    return new Unreachable(found?.code ?? 'link', `${name}: ${found?.text ?? 'may not go now'}`)
  }

  async function* admitted(): AsyncGenerator<QueryRow> {
    let except: readonly string[] = []
    let left = 0
    for await (const row of rows) {
      if (left-- === 0) {
        except = await turn()
        left = LOOK_EVERY_ROWS - 1
      }
      if (except.includes(row.class)) throw refusal(row.class)
      yield row
    }
  }

  async function* kept(): AsyncGenerator<QueryRow> {
    try {
      yield* admitted()
    } catch (error) {
      if (error instanceof Unreachable) why = error
      throw error
    }
  }

  return { route, rows: kept(), why: () => why }
}
