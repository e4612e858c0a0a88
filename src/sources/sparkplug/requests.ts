// When to ask a node for its birth: at once, then more and more seldom, and never many nodes at a time: a node sends all it has when asked.
const FIRST_WAIT_MS = 10_000
const WAIT_MS_MAX = 300_000
const ASKS_BEFORE_GIVING_UP = 3
/** After a birth what it has to bring comes, and a node that dies and returns is not asked at each turn. */
const PAUSE_MS = 5_000
const PER_SECOND_MAX = 10

interface Request {
  asked: number
  nextAt: number
  isGivenUp: boolean
}

export interface Requests<Node> {
  /** A birth is wanted. */
  want(node: Node, now: number): void
  answered(node: Node, now: number): void
  forget(node: Node): void
  /** Once a second. `isUnsure`: whether it is still wanted. */
  tick(now: number, isUnsure: (node: Node) => boolean, giveUp: (node: Node) => void): void
  sent(): number
}

/** `send` yields false where it cannot be sent now. Times are monotonic ms. */
export function newRequests<Node>(send: (node: Node) => boolean): Requests<Node> {
  const open = new Map<Node, Request>()
  /** Not before, whatever happens meanwhile: after a birth, and after each request. */
  const quietUntil = new Map<Node, number>()
  let sentCount = 0
  let left = PER_SECOND_MAX

  function tryAsk(node: Node, it: Request, now: number): void {
    if (now < it.nextAt || left <= 0 || !send(node)) return
    left--
    sentCount++
    it.asked++
    it.nextAt = now + Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (it.asked - 1))
    quietUntil.set(node, now + PAUSE_MS)
  }

  return {
    want(node, now) {
      let it = open.get(node)
      if (!it) {
        it = { asked: 0, nextAt: quietUntil.get(node) ?? now, isGivenUp: false }
        open.set(node, it)
      }
      tryAsk(node, it, now)
    },
    answered(node, now) {
      open.delete(node)
      quietUntil.set(node, now + PAUSE_MS)
    },
    forget: (node) => void open.delete(node),
    tick(now, isUnsure, giveUp) {
      left = PER_SECOND_MAX
      for (const [node, it] of open) {
        if (!isUnsure(node)) {
          open.delete(node)
          continue
        }
        if (!it.isGivenUp && it.asked >= ASKS_BEFORE_GIVING_UP && now >= it.nextAt - firstsOf(it)) {
          it.isGivenUp = true
          giveUp(node)
        }
        tryAsk(node, it, now)
      }
      for (const [node, until] of quietUntil) if (until < now) quietUntil.delete(node)
    },
    sent: () => sentCount,
  }
}

/** Giving up waits for the last request as long as for the first. */
const firstsOf = ({ asked }: Request) => FIRST_WAIT_MS * (2 ** (asked - 1) - 1)
