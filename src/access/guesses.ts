// How often somebody may guess. Each evaluated guess takes one from two stocks, of the address that asks and of the account that is asked for;
// they fill up again with time. An empty stock means waiting, for everybody who shares it and nobody else; nothing is ever locked.
//
// In any ten minutes one address has at most 13 guesses at one account and all addresses together 20: whoever comes from another address still
// finds seven. A browser that has logged in as this user before (its device cookie tells), and the console, have a stock of their own: all the
// world's guesses do not keep their owner waiting.
import type { AccessClock } from './clock.ts'
import { Refused } from './refused.ts'
import type { Store } from './store.ts'

const FILL_MS = 75_000
const ADDRESS_STOCK = 5
const ACCOUNT_STOCK = 12
const DEVICE_STOCK = 5
/** Beyond, those that have most left are forgotten. */
const KEYS_MAX = 10_000

export interface Guesser {
  /** As `groupOf` gives it, or `console`. */
  readonly address: string
  /** A device that has logged in to the account before: its hash. */
  readonly device?: string | undefined
}

export interface Guesses {
  /** Counts a guess, durably, before it is looked at; throws Refused `wait`. */
  take(account: string, by: Guesser): void
  /** It was right: it does not count. */
  giveBack(account: string, by: Guesser): void
}

interface Stock {
  readonly key: string
  readonly size: number
}

export function openGuesses(store: Store, clock: AccessClock): Guesses {
  const read = store.db.prepare<[string], { left: number; at: number }>('SELECT left, at FROM guesses WHERE key = ?')
  const write = store.db.prepare('INSERT OR REPLACE INTO guesses (key, left, at) VALUES (?, ?, ?)')
  const forget = store.db.prepare(
    'DELETE FROM guesses WHERE key IN (SELECT key FROM guesses ORDER BY left DESC, at LIMIT max(0, (SELECT count(*) FROM guesses) - ?))',
  )
  const full = store.db.prepare('DELETE FROM guesses WHERE at < ?')
  const leftIn = ({ key, size }: Stock): number => {
    const kept = read.get(key)
    return kept ? Math.min(size, kept.left + (clock.now() - kept.at) / FILL_MS) : size
  }
  const take = (stocks: readonly Stock[]): number => {
    const left = stocks.map(leftIn)
    const least = Math.min(...left)
    if (least < 1) return (1 - least) * FILL_MS
    for (const [at, { key }] of stocks.entries()) write.run(key, (left[at] as number) - 1, clock.now())
    full.run(clock.now() - ACCOUNT_STOCK * FILL_MS)
    forget.run(KEYS_MAX)
    clock.keep()
    return 0
  }
  return {
    take(account, by) {
      const stocks = stocksOf(account, by)
      // Without the lock first: a flood of guesses that come too early writes nothing and waits for nobody.
      const least = Math.min(...stocks.map(leftIn))
      const waitMs = least < 1 ? (1 - least) * FILL_MS : store.write(() => take(stocks))
      if (waitMs > 0) throw tooMany(waitMs)
    },
    giveBack(account, by) {
      const stocks = stocksOf(account, by)
      store.write(() => {
        for (const it of stocks) write.run(it.key, Math.min(it.size, leftIn(it) + 1), clock.now())
      })
    },
  }
}

function stocksOf(account: string, { address, device }: Guesser): Stock[] {
  if (device !== undefined) return [{ key: `device ${device} ${account}`, size: DEVICE_STOCK }]
  if (address === 'console') return [{ key: `console ${account}`, size: DEVICE_STOCK }]
  return [
    { key: `address ${address}`, size: ADDRESS_STOCK },
    { key: `account ${account}`, size: ACCOUNT_STOCK },
  ]
}

function tooMany(waitMs: number): Refused {
  const seconds = Math.ceil(waitMs / 1000)
  return new Refused('wait', `too many wrong guesses: not looked at; try again in ${seconds} s`, {
    waitMs,
    remedy: 'wait, or log in from a browser that has logged in before, or at the console',
  })
}

/** One household of IPv6 addresses (a /64) is one source. */
export function groupOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.replace(/%.*$/, '').toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const all =
    tail === undefined
      ? groups
      : [...groups, ...Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0'), ...rest]
  return `${all
    .slice(0, 4)
    .map((it) => it.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
