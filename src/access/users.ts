// Who may do what.
import type { User } from '../core/access.ts'
import { BadInput } from '../core/errors.ts'
import type { OperatorRole } from '../core/operator.ts'
import { OPERATOR_ROLES } from '../core/operator.ts'
import type { Store } from './store.ts'

const USERS_MAX = 50
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,62}$/u
/** What events name otherwise. */
const TAKEN: ReadonlySet<string> = new Set(['console', 'cli', 'nobody', 'agent', 'panel', 'claim'])

export interface UserRow extends User {
  readonly password: string
}

export interface Users {
  list(): readonly User[]
  find(name: string): UserRow | undefined
  /** Throws BadInput where there is none of this name. */
  known(name: string): UserRow
  /** Throws BadInput: taken, no name, too many. */
  add(user: UserRow): void
  setPassword(name: string, hash: string): void
  /** The last admin stays one: throws BadInput. */
  setRole(name: string, role: OperatorRole): void
  remove(name: string): void
}

export const mayDo = (role: OperatorRole, least: OperatorRole): boolean =>
  OPERATOR_ROLES.indexOf(role) >= OPERATOR_ROLES.indexOf(least)

export function checkUserName(name: string): string {
  const plain = name.normalize('NFC').trim()
  const isFree = NAME.test(plain) && !TAKEN.has(plain.toLowerCase()) && !plain.toLowerCase().startsWith('token ')
  if (isFree) return plain
  throw new BadInput([
    {
      where: 'user',
      text: `"${plain.slice(0, 80)}" cannot be a user's name`,
      remedy: 'begin with a letter or a digit; at most 63 letters, digits, blanks and . _ -',
    },
  ])
}

export function openUsers({ db }: Store): Users {
  const all = db.prepare<[], User>('SELECT name, role, at, by FROM users ORDER BY name')
  const one = db.prepare<[string], UserRow>('SELECT * FROM users WHERE name = ?')
  const insert = db.prepare('INSERT INTO users (name, role, password, at, by) VALUES (?, ?, ?, ?, ?)')
  const password = db.prepare('UPDATE users SET password = ? WHERE name = ?')
  const setRole = db.prepare('UPDATE users SET role = ? WHERE name = ?')
  const remove = db.prepare('DELETE FROM users WHERE name = ?')
  const find = (name: string) => one.get(name.normalize('NFC').trim())
  const known = (name: string): UserRow => {
    const found = find(name)
    if (found) return found
    throw new BadInput([{ where: 'user', text: `there is no user "${name.slice(0, 80)}"`, remedy: 'see the list of users' }])
  }
  const notTheLast = (user: User): void => {
    if (user.role !== 'admin' || all.all().some((it) => it.role === 'admin' && it.name !== user.name)) return
    throw new BadInput([{ where: 'user', text: `${user.name} is the last admin`, remedy: 'make another admin first' }])
  }
  return {
    list: () => all.all(),
    find,
    known,
    add(user) {
      const taken = all.all()
      if (taken.some((it) => it.name.toLowerCase() === user.name.toLowerCase()))
        throw new BadInput([{ where: 'user', text: `there is a user "${user.name}" already`, remedy: 'choose another name' }])
      if (taken.length >= USERS_MAX)
        throw new BadInput([
          { where: 'user', text: `there are ${USERS_MAX} users, and that is all there may be`, remedy: 'remove one' },
        ])
      insert.run(user.name, user.role, user.password, user.at, user.by)
    },
    setPassword: (name, hash) => void password.run(hash, known(name).name),
    setRole(name, role) {
      const user = known(name)
      if (role !== 'admin') notTheLast(user)
      setRole.run(role, user.name)
    },
    remove(name) {
      const user = known(name)
      notTheLast(user)
      remove.run(user.name)
    },
  }
}
