// API tokens: for scripts. Each has a name, a role and an end; it is shown once.
import type { ApiToken } from '../core/access.ts'
import { BadInput } from '../core/errors.ts'
import type { OperatorRole } from '../core/operator.ts'
import type { AccessClock } from './clock.ts'
import { drawToken, hashOf } from './secrets.ts'
import type { Store } from './store.ts'

const TOKENS_MAX = 100
/** That a token was used is written so often. */
const USED_EVERY_US = 60_000_000
/** So that whoever finds one knows what it is. */
const PREFIX = 'holdfast_'

export interface Tokens {
  list(): readonly ApiToken[]
  /** The token itself, this once. Throws BadInput. */
  add(token: { readonly name: string; readonly role: OperatorRole; readonly until: number; readonly by: string }): string
  find(token: string): { readonly name: string; readonly role: OperatorRole } | undefined
  /** Throws BadInput where there is none of this name. */
  remove(name: string): void
}

export function openTokens({ db, write }: Store, clock: AccessClock): Tokens {
  const all = db.prepare<[], ApiToken>('SELECT name, role, at, by, until, used FROM tokens ORDER BY name')
  const byHash = db.prepare<[string], ApiToken>('SELECT name, role, at, by, until, used FROM tokens WHERE hash = ?')
  const insert = db.prepare('INSERT INTO tokens (name, hash, role, at, by, until) VALUES (?, ?, ?, ?, ?, ?)')
  const used = db.prepare('UPDATE tokens SET used = ? WHERE name = ?')
  const remove = db.prepare('DELETE FROM tokens WHERE name = ?')
  const wrong = (text: string, remedy: string) => new BadInput([{ where: 'token', text, remedy }])
  return {
    list: () => all.all(),
    add({ name, role, until, by }) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
        throw wrong(
          `"${name.slice(0, 80)}" cannot be its name`,
          'at most 63 letters, digits and . _ -, a letter or a digit first',
        )
      if (until <= clock.wall()) throw wrong('its end has passed', 'choose a later one')
      const there = all.all()
      if (there.some((it) => it.name === name))
        throw wrong(`there is a token "${name}" already`, 'remove it first, or choose another name')
      if (there.length >= TOKENS_MAX) throw wrong(`there are ${TOKENS_MAX} already`, 'remove one')
      const token = PREFIX + drawToken()
      insert.run(name, hashOf(token), role, clock.wall(), by, until)
      return token
    },
    find(token) {
      const found = token.startsWith(PREFIX) ? byHash.get(hashOf(token)) : undefined
      if (!found || found.until <= clock.wall()) return undefined
      if (clock.wall() - (found.used ?? 0) > USED_EVERY_US) write(() => used.run(clock.wall(), found.name))
      return { name: found.name, role: found.role }
    },
    remove(name) {
      if (remove.run(name).changes === 0) throw wrong(`there is no token "${name.slice(0, 80)}"`, 'see the list of tokens')
    },
  }
}
