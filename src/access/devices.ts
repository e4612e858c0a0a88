// Browsers that have logged in before: guesses of others do not keep them waiting.
import type { AccessClock } from './clock.ts'
import { drawToken, hashOf } from './secrets.ts'
import type { Store } from './store.ts'

const DEVICES_OF_USER_MAX = 20

export interface Devices {
  /** The hash of a device that has logged in as this user; undefined: it has not. */
  known(device: string | undefined, user: string): string | undefined
  /** The device that is known from now on: the one at hand, or a new one. */
  remember(device: string | undefined, user: string): string
  forget(user: string): void
}

export function openDevices({ db }: Store, clock: AccessClock): Devices {
  const find = db.prepare<[string, string], { hash: string }>('SELECT hash FROM devices WHERE hash = ? AND user = ?')
  const insert = db.prepare('INSERT OR REPLACE INTO devices (hash, user, seen) VALUES (?, ?, ?)')
  const cut = db.prepare(
    'DELETE FROM devices WHERE user = ? AND hash NOT IN (SELECT hash FROM devices WHERE user = ? ORDER BY seen DESC LIMIT ?)',
  )
  const remove = db.prepare('DELETE FROM devices WHERE user = ?')
  const known = (device: string | undefined, user: string) =>
    device === undefined ? undefined : find.get(hashOf(device), user)?.hash
  return {
    known,
    remember(device, user) {
      const kept = device !== undefined && known(device, user) !== undefined ? device : drawToken()
      insert.run(hashOf(kept), user, clock.now())
      cut.run(user, user, DEVICES_OF_USER_MAX)
      return kept
    },
    forget: (user) => void remove.run(user),
  }
}
