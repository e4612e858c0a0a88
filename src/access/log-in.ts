// How somebody becomes known: by claiming the box, by a password, and at the console by the claim code that the box was claimed with.
import type { Audit } from './audit.ts'
import type { ClaimCode } from './claim-code.ts'
import type { AccessClock } from './clock.ts'
import { readCode } from './codes.ts'
import type { Devices } from './devices.ts'
import type { Guesser, Guesses } from './guesses.ts'
import { groupOf } from './guesses.ts'
import { inTurn } from './in-turn.ts'
import type { Issues } from './issues.ts'
import { checkPassword, hashPassword, isOutdated, isPassword, NOBODY, PASSWORD_CHARS_MAX } from './passwords.ts'
import { Refused } from './refused.ts'
import { hashOf } from './secrets.ts'
import type { NewSession, Sessions } from './sessions.ts'
import type { Store } from './store.ts'
import type { UserRow, Users } from './users.ts'
import { checkUserName } from './users.ts'

export interface From {
  /** Of the far end, or `console`. */
  readonly address: string
  /** What `LoggedIn.device` was on that browser the last time. */
  readonly device?: string | undefined
}

export interface LoggedIn extends NewSession {
  /** For the browser to keep: with it, others' guesses do not keep it waiting. */
  readonly device: string
}

export interface LogIn {
  claim(who: { readonly code: string; readonly user: string; readonly password: string }, from: From): Promise<LoggedIn>
  logIn(who: { readonly user: string; readonly password: string }, from: From): Promise<LoggedIn>
  /** Throws Refused where it is not his password; counted as a guess. */
  confirmPassword(user: string, password: string, from: From): Promise<void>
  /** At the console: ends all sessions, stands as an issue until an admin acknowledges it. Resolves with whose password it is now. */
  resetAdmin(code: string, password: string, user?: string): Promise<string>
}

export interface LogInParts {
  readonly store: Store
  readonly clock: AccessClock
  readonly code: ClaimCode
  readonly users: Users
  readonly sessions: Sessions
  readonly devices: Devices
  readonly guesses: Guesses
  readonly audit: Audit
  readonly issues: Issues
  readonly isResetOff: () => boolean
}

const WAITING_MAX = 16
const CODE_ACCOUNT = ' claim code'
const NOBODYS_DIGITS = 4

export function openLogIn(parts: LogInParts): LogIn {
  const { store, clock, code, users, sessions, devices, guesses, audit } = parts
  const turn = inTurn(WAITING_MAX)
  const evaluate = async (account: string, by: Guesser, text: string, hash: string): Promise<boolean> => {
    guesses.take(account, by)
    const holds = await turn(() => isPassword(text, hash))
    if (holds) guesses.giveBack(account, by)
    return holds
  }
  const begin = (user: string, { address, device }: From, what: string): LoggedIn =>
    store.write(() => {
      audit.add({ what, by: user, address, detail: {} })
      return { ...sessions.begin(user, address), device: devices.remember(device, user) }
    })
  const failed = (what: string, by: string, { address }: From): void =>
    store.write(() => audit.add({ what, by, address, detail: {} }))

  const evaluateUser = async (user: string, password: string, from: From, what: string): Promise<UserRow> => {
    const found = users.find(user)
    const account = found?.name ?? nobodys(user)
    const by = { address: groupOf(from.address), device: found && devices.known(from.device, found.name) }
    const isShort = [...password].length <= PASSWORD_CHARS_MAX
    if ((await evaluate(account, by, isShort ? password : '', found?.password ?? NOBODY)) && found) return found
    // A name that nobody has may be a password that was typed into the wrong field.
    failed(what, found?.name ?? 'nobody', from)
    throw wrongPassword()
  }
  const checkCode = async (typed: string, from: From, what: string): Promise<void> => {
    const read = readCode(typed)
    if (read === undefined)
      throw new Refused('wrong-code', 'no claim code looks like this', {
        remedy: 'sixteen letters and digits, as on the label or the console; without 0, O, 1 and I',
      })
    if (await evaluate(CODE_ACCOUNT, { address: groupOf(from.address) }, read, code.hash())) return
    failed(what, 'nobody', from)
    throw new Refused('wrong-code', 'this is not the claim code of this box', {
      remedy: 'compare it with the label or the console',
    })
  }

  return {
    async claim({ code: typed, user, password }, from) {
      if (code.isClaimed()) throw claimed()
      const name = checkUserName(user)
      checkPassword(password, name)
      await checkCode(typed, from, 'claim-failed')
      const hash = await turn(() => hashPassword(password))
      const session = store.write(() => {
        if (code.isClaimed()) throw claimed()
        code.markClaimed(clock.wall())
        users.add({ name, role: 'admin', password: hash, at: clock.wall(), by: 'claim' })
        return begin(name, from, 'claim')
      })
      code.destroyText()
      return session
    },
    async logIn({ user, password }, from) {
      if (!code.isClaimed()) throw new Refused('unclaimed', 'nobody has claimed this box yet', { remedy: 'claim it first' })
      const found = await evaluateUser(user, password, from, 'log-in-failed')
      const renewed = isOutdated(found.password) ? await turn(() => hashPassword(password)) : undefined
      return store.write(() => {
        // Looking at a password takes its time: meanwhile it may have become another, or nobody's.
        if (users.find(found.name)?.password !== found.password) throw wrongPassword()
        if (renewed !== undefined) users.setPassword(found.name, renewed)
        return begin(found.name, from, 'log-in')
      })
    },
    async confirmPassword(user, password, from) {
      await evaluateUser(user, password, from, 'password-failed')
    },
    async resetAdmin(typed, password, user) {
      if (parts.isResetOff())
        throw new Refused('reset-off', 'an admin has switched this off', {
          remedy: 'another admin can set a new password, under Security',
        })
      if (!code.isClaimed()) throw new Refused('unclaimed', 'nobody has claimed this box yet', { remedy: 'claim it first' })
      const admins = users
        .list()
        .filter((it) => it.role === 'admin')
        .sort((a, b) => a.at - b.at)
      const admin = user === undefined ? admins[0] : admins.find((it) => it.name === user)
      if (!admin)
        throw new Refused('not-allowed', `${user} is no admin`, { remedy: `admins: ${admins.map((it) => it.name).join(', ')}` })
      checkPassword(password, admin.name)
      const from = { address: 'console' }
      await checkCode(typed, from, 'reset-failed')
      const hash = await turn(() => hashPassword(password))
      store.write(() => {
        users.setPassword(admin.name, hash)
        sessions.endAll()
        devices.forget(admin.name)
        audit.add({ what: 'password reset', by: 'console', address: 'console', detail: { user: admin.name } })
        parts.issues.raise({
          code: 'admin-reset',
          text: `the password of ${admin.name} was set anew at the console with the claim code`,
          remedy: 'if that was none of you: change it, and find out who was at the box; then acknowledge it under Security',
        })
      })
      return admin.name
    },
  }
}

/** It may be a password that was typed into the wrong field: so little of it is kept that nobody could tell. */
const nobodys = (typed: string) => ` nobody ${hashOf(typed.normalize('NFC').trim()).slice(0, NOBODYS_DIGITS)}`

const wrongPassword = () => new Refused('wrong-password', 'user or password is wrong', { remedy: 'mind upper and lower case' })

const claimed = () =>
  new Refused('claimed', 'this box is claimed already', {
    remedy: 'log in, or set a new password at the console with the claim code',
  })
