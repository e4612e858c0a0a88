// Whose turn it is with a class of which one uplink is enough. Uplinks are used in the order of the file, one at a time for a class.
//
//   holds ── unable for failoverAfter, another one is able ──► the next able one takes over at once: what may be under way is marked
//     ▲  └── an earlier one has been able for returnAfter ──► leaving: nobody begins anything; once nothing is under way ──► the earlier one holds
//
// Unable: what it tries has come to nothing since then, or the destination blocks the class, or no link of it admits the class. An uplink that got the
// class back and delivered nothing before it failed again has to be able for twice as long the next time.
import type { Admission } from '../core/admission.ts'
import type { DeliveryRule } from '../core/settings.ts'
import type { Clock } from '../core/source.ts'
import type { ForwardReport } from './forward-report.ts'
import { isEnd } from './links/metering.ts'

/** How an uplink stands to a class, monotonic milliseconds. */
export interface Standing {
  readonly uplink: string
  /** Since when nothing has come of it; undefined: it delivers, or has nothing to deliver. */
  readonly unableSince: number | undefined
  /** Since when nothing has failed; undefined: it is not known to work now. */
  readonly ableSince: number | undefined
  /** Something of the class is under way. */
  readonly isBusy: boolean
  readonly transactions: number
}

export interface Turn {
  readonly holder: string
  /** Transactions of the holder when its turn began. */
  readonly transactions: number
  /** Who gets it once nothing is under way, and since when that is waited for. */
  readonly leaving?: { readonly to: string; readonly since: number } | undefined
  readonly returnAfterMs: number
  readonly lastSwitch?: Switch | undefined
}

export interface Switch {
  readonly from: string
  readonly to: string
  /** From the last moment that all was well to the first commit at the new one; null: that has not come yet. */
  readonly ms: number | null
  /** That last moment, monotonic milliseconds. */
  readonly since: number
}

const RETURN_AFTER_MS_MAX = 600_000

export function firstTurn(uplink: string, failoverAfterMs: number): Turn {
  return { holder: uplink, transactions: 0, returnAfterMs: failoverAfterMs }
}

/** `standings` in the order of the file. */
export function decide(turn: Turn, standings: readonly Standing[], now: number, failoverAfterMs: number): Turn {
  const at = standings.findIndex((it) => it.uplink === turn.holder)
  const holder = standings[at] as Standing
  const isFailed = (it: Standing) => it.unableSince !== undefined && now - it.unableSince >= failoverAfterMs
  const isAble = (it: Standing) => it.ableSince !== undefined && !isFailed(it)
  const known = measured(turn, holder, now)
  if (isFailed(holder)) {
    const next = standings.find((it) => it !== holder && isAble(it))
    return next ? taken(known, holder, next, holder.unableSince ?? now, failoverAfterMs) : { ...known, leaving: undefined }
  }
  const earlier = standings.slice(0, at).find((it) => isAble(it) && now - (it.ableSince ?? now) >= turn.returnAfterMs)
  if (!earlier) return { ...known, leaving: undefined }
  const since = known.leaving?.to === earlier.uplink ? known.leaving.since : now
  if (!holder.isBusy || now - since >= failoverAfterMs) return taken(known, holder, earlier, since, failoverAfterMs)
  return { ...known, leaving: { to: earlier.uplink, since } }
}

function taken(turn: Turn, from: Standing, to: Standing, since: number, failoverAfterMs: number): Turn {
  // Who has it first has not got it back.
  const hasCarried = from.transactions > turn.transactions || !turn.lastSwitch
  return {
    holder: to.uplink,
    transactions: to.transactions,
    returnAfterMs: hasCarried ? failoverAfterMs : Math.min(RETURN_AFTER_MS_MAX, turn.returnAfterMs * 2),
    lastSwitch: { from: from.uplink, to: to.uplink, ms: null, since },
  }
}

function measured(turn: Turn, holder: Standing, now: number): Turn {
  const { lastSwitch } = turn
  if (lastSwitch?.ms !== null || holder.transactions === turn.transactions) return turn
  return { ...turn, lastSwitch: { ...lastSwitch, ms: now - lastSwitch.since } }
}

export interface FailoverParts {
  /** In the order of the file. */
  readonly uplinks: readonly { readonly name: string; readonly report: ForwardReport; readonly admission: Admission }[]
  readonly delivery: Readonly<Record<string, DeliveryRule>>
  readonly failoverAfterMs: number
  readonly clock: Pick<Clock, 'monotonic'>
}

export interface Failover {
  /** Classes of which one uplink is enough. */
  readonly classes: readonly string[]
  /** What an uplink's links admit, less what is another one's turn. */
  admission(uplink: string): Admission
  turn(className: string): Turn | undefined
}

export function createFailover({ uplinks, delivery, failoverAfterMs, clock }: FailoverParts): Failover {
  const first = uplinks[0]
  const classes = first && uplinks.length > 1 ? Object.keys(delivery).filter((it) => delivery[it] === 'any-uplink') : []
  const turns = new Map(classes.map((it) => [it, firstTurn(first?.name ?? '', failoverAfterMs)]))
  /** By uplink and class: since when its links do not admit it. */
  const shutSince = new Map<string, number>()

  function standing({ name, report, admission }: FailoverParts['uplinks'][number], className: string, now: number): Standing {
    const key = `${name} ${className}`
    const admitted = admission.now()
    const isShut = isEnd(admitted.wait) || admitted.except.includes(className)
    if (!isShut) shutSince.delete(key)
    else if (!shutSince.has(key)) shutSince.set(key, now)
    const shut = shutSince.get(key)
    const isBlocked = report.blocked.some((it) => it.until > now && it.classes.includes(className))
    const blocked = isBlocked ? report.blockedSince.get(className) : undefined
    const since = [report.tryingSince, shut, blocked].filter((it) => it !== undefined)
    return {
      uplink: name,
      unableSince: since.length > 0 ? Math.min(...since) : undefined,
      ableSince: shut !== undefined || isBlocked ? undefined : report.wellSince,
      isBusy: report.sending.includes(className),
      transactions: report.transactions,
    }
  }

  function renew(className: string): Turn {
    const now = clock.monotonic()
    const before = turns.get(className) as Turn
    const turn = decide(
      before,
      uplinks.map((it) => standing(it, className, now)),
      now,
      failoverAfterMs,
    )
    turns.set(className, turn)
    return turn
  }

  return {
    classes,
    admission: (uplink) => {
      const links = uplinks.find((it) => it.name === uplink)?.admission as Admission
      const isOthers = (className: string) => {
        const turn = renew(className)
        return turn.holder !== uplink || turn.leaving !== undefined
      }
      return {
        ...links,
        now() {
          const admitted = links.now()
          return { ...admitted, except: [...admitted.except, ...classes.filter(isOthers)] }
        },
      }
    },
    turn: (className) => turns.get(className),
  }
}
