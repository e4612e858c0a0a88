// Who is logged in. A session is known by a token that its holder alone has.
import type { SessionView } from '../core/access.ts'
import type { OperatorRole } from '../core/operator.ts'
import type { AccessClock } from './clock.ts'
import { drawId, drawToken, hashOf } from './secrets.ts'
import type { Store } from './store.ts'

const IDLE_MS_MAX = 60 * 60_000
const AGE_MS_MAX = 12 * 3_600_000
const SESSIONS_OF_USER_MAX = 20
/** That a session was used is written so often. */
const SEEN_EVERY_MS = 60_000

export interface Session {
  /** For the list; tells nothing of the token. */
  readonly id: string
  readonly user: string
  readonly role: OperatorRole
  /** What every change must bring along besides the token. */
  readonly csrf: string
}

export interface NewSession extends Session {
  readonly token: string
}

export interface Sessions {
  begin(user: string, address: string): NewSession
  /** Undefined: nobody, or nobody any more. Using it keeps it alive. */
  find(token: string): Session | undefined
  /** By its id. False: there is none. */
  isAlive(id: string): boolean
  list(): readonly SessionView[]
  /** False: there is none. */
  end(id: string): boolean
  /** All, or those of one user; but for one. */
  endAll(of?: { readonly user?: string; readonly except?: string }): void
}

interface Row {
  readonly id: string
  readonly user: string
  readonly role: OperatorRole
  readonly csrf: string
  readonly begun: number
  readonly seen: number
  readonly at: number
  readonly address: string
}

export function openSessions(store: Store, clock: AccessClock): Sessions {
  const { db, write } = store
  const columns = 'id, user, role, csrf, begun, seen, sessions.at, address'
  const joined = `SELECT ${columns} FROM sessions JOIN users ON users.name = sessions.user`
  const byHash = db.prepare<[string], Row>(`${joined} WHERE hash = ?`)
  const byId = db.prepare<[string], Row>(`${joined} WHERE id = ?`)
  const all = db.prepare<[], Row>(`${joined} ORDER BY begun DESC`)
  const insert = db.prepare(
    'INSERT INTO sessions (id, hash, user, csrf, begun, seen, at, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const seen = db.prepare('UPDATE sessions SET seen = ? WHERE id = ?')
  const remove = db.prepare('DELETE FROM sessions WHERE id = ?')
  // Not by way of the users: one who is removed is none any more, and his sessions would wait for the next of that name.
  const removeAll = db.prepare('DELETE FROM sessions WHERE (@user IS NULL OR user = @user) AND id IS NOT @except')
  const isOver = (it: Row) => clock.now() - it.seen > IDLE_MS_MAX || clock.now() - it.begun > AGE_MS_MAX
  const living = () => all.all().filter((it) => !isOver(it))
  const endRows = (rows: readonly Row[]) => {
    for (const it of rows) remove.run(it.id)
  }
  return {
    begin(user, address) {
      const [token, csrf, id] = [drawToken(), drawToken(), drawId()]
      return write(() => {
        const rows = all.all()
        endRows(rows.filter(isOver))
        endRows(rows.filter((it) => it.user === user).slice(SESSIONS_OF_USER_MAX - 1))
        insert.run(id, hashOf(token), user, csrf, clock.now(), clock.now(), clock.wall(), address)
        clock.keep()
        const { role } = byId.get(id) as Row
        return { id, user, role, csrf, token }
      })
    },
    find(token) {
      const row = byHash.get(hashOf(token))
      if (!row || isOver(row)) return undefined
      if (clock.now() - row.seen > SEEN_EVERY_MS) {
        write(() => {
          seen.run(clock.now(), row.id)
          clock.keep()
        })
      }
      const { id, user, role, csrf } = row
      return { id, user, role, csrf }
    },
    isAlive(id) {
      const row = byId.get(id)
      return row !== undefined && !isOver(row)
    },
    list: () =>
      living().map(({ id, user, address, at, seen }) => ({ id, user, address, at, idleMs: Math.round(clock.now() - seen) })),
    end: (id) => remove.run(id).changes > 0,
    endAll({ user, except } = {}) {
      removeAll.run({ user: user ?? null, except: except ?? null })
    },
  }
}
