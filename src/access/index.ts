// Who may do what on this box: users, sessions, tokens of scripts, the claim code, limits on guesses, and the list of what was done.
// The panel and the console open it, each for itself, also at the same time.
import type { AccessIssue, ApiToken, AuditPage, SessionView, User } from '../core/access.ts'
import { BadInput } from '../core/errors.ts'
import type { OperatorRole } from '../core/operator.ts'
import type { NewEvent } from './audit.ts'
import { openAudit } from './audit.ts'
import { openClaimCode } from './claim-code.ts'
import type { MachineTime } from './clock.ts'
import { machineTime, openAccessClock } from './clock.ts'
import { openDevices } from './devices.ts'
import { openEventsList } from './events-list.ts'
import { openGuesses } from './guesses.ts'
import { openIssues } from './issues.ts'
import type { LogIn } from './log-in.ts'
import { openLogIn } from './log-in.ts'
import { checkPassword, hashPassword } from './passwords.ts'
import type { Session } from './sessions.ts'
import { openSessions } from './sessions.ts'
import { openStore } from './store.ts'
import { openTokens } from './tokens.ts'
import { checkUserName, openUsers } from './users.ts'

/** Who does it, for the list of events. */
export interface Doer {
  readonly by: string
  readonly address: string
}

export interface Access extends LogIn {
  isClaimed(): boolean
  /** Undefined once the box is claimed. */
  claimCode(): string | undefined

  /** Undefined: nobody, or nobody any more. */
  session(token: string): Session | undefined
  isAlive(sessionId: string): boolean
  sessions(): readonly SessionView[]
  /** False: there is none. */
  endSession(id: string, doer: Doer): boolean
  logOut(session: Session, address: string): void

  users(): readonly User[]
  addUser(user: { readonly name: string; readonly role: OperatorRole; readonly password: string }, doer: Doer): Promise<void>
  setRole(name: string, role: OperatorRole, doer: Doer): void
  /** Ends the user's sessions but for the one that asks. */
  setPassword(name: string, password: string, doer: Doer, exceptSession?: string): Promise<void>
  removeUser(name: string, doer: Doer): void

  token(text: string): { readonly name: string; readonly role: OperatorRole } | undefined
  tokens(): readonly ApiToken[]
  /** The token, this once. `until` in microseconds since 1970 UTC. */
  addToken(token: { readonly name: string; readonly role: OperatorRole; readonly until: number }, doer: Doer): string
  removeToken(name: string, doer: Doer): void

  issues(): readonly AccessIssue[]
  acknowledge(code: string, doer: Doer): void
  /** Whether the claim code sets an admin's password at the console. */
  isResetAllowed(): boolean
  allowReset(isAllowed: boolean, doer: Doer): void

  audit(event: NewEvent): void
  /** Names the list of what was done, for its whole life: 32 hexadecimal digits. */
  eventsId(): string
  /** `next`: what whoever takes the events wants next. True: this list never came so far (an older one was put in its place), and has another name from now on. */
  wasSetBack(next: number): boolean
  /** Oldest first, from a position on. */
  auditFrom(position: number, limit: number): AuditPage
  /** Youngest first. */
  auditLatest(limit: number): AuditPage
  close(): void
}

export async function openAccess(dataDir: string, time: MachineTime = machineTime()): Promise<Access> {
  const store = openStore(dataDir)
  const clock = openAccessClock(store, time)
  const [users, sessions, tokens] = [openUsers(store), openSessions(store, clock), openTokens(store, clock)]
  const [devices, guesses] = [openDevices(store, clock), openGuesses(store, clock)]
  const [audit, issues] = [openAudit(store, clock), openIssues(store, clock)]
  const code = await openClaimCode(store)
  const resetOff = store.db.prepare("SELECT 1 FROM facts WHERE name = 'reset-off'")
  const setResetOff = store.db.prepare("INSERT OR IGNORE INTO facts (name, value) VALUES ('reset-off', '1')")
  const setResetOn = store.db.prepare("DELETE FROM facts WHERE name = 'reset-off'")
  const list = openEventsList(store, audit)
  const isResetOff = () => resetOff.get() !== undefined
  /** The change and its event, or neither. */
  const done = <T>(what: string, doer: Doer, detail: Readonly<Record<string, string>>, change: () => T): T =>
    store.write(() => {
      const result = change()
      audit.add({ what, ...doer, detail })
      return result
    })
  return {
    ...openLogIn({ store, clock, code, users, sessions, devices, guesses, audit, issues, isResetOff }),
    isClaimed: code.isClaimed,
    claimCode: code.text,
    session: sessions.find,
    isAlive: sessions.isAlive,
    sessions: sessions.list,
    endSession: (id, doer) => {
      const session = sessions.list().find((it) => it.id === id)
      return session !== undefined && done('session ended', doer, { user: session.user, session: id }, () => sessions.end(id))
    },
    logOut: ({ id, user }, address) => void done('log-out', { by: user, address }, {}, () => sessions.end(id)),
    users: users.list,
    async addUser({ name, role, password }, doer) {
      const checked = checkUserName(name)
      checkPassword(password, checked)
      const hash = await hashPassword(password)
      done('user added', doer, { user: checked, role }, () =>
        users.add({ name: checked, role, password: hash, at: clock.wall(), by: doer.by }),
      )
    },
    setRole(typed, role, doer) {
      const { name } = users.known(typed)
      done('role set', doer, { user: name, role }, () => users.setRole(name, role))
    },
    async setPassword(name, password, doer, exceptSession) {
      const user = users.known(name)
      checkPassword(password, user.name)
      const hash = await hashPassword(password)
      done('password set', doer, { user: user.name }, () => {
        users.setPassword(user.name, hash)
        devices.forget(user.name)
        sessions.endAll({ user: user.name, ...(exceptSession !== undefined && { except: exceptSession }) })
      })
    },
    removeUser(typed, doer) {
      // As it is kept: sessions and devices go by that name, and would be those of the next user who is called so.
      const { name } = users.known(typed)
      done('user removed', doer, { user: name }, () => {
        users.remove(name)
        devices.forget(name)
        sessions.endAll({ user: name })
      })
    },
    token: tokens.find,
    tokens: tokens.list,
    addToken: ({ name, role, until }, doer) =>
      done('token made', doer, { token: name, role }, () => tokens.add({ name, role, until, by: doer.by })),
    removeToken: (name, doer) => done('token removed', doer, { token: name }, () => tokens.remove(name)),
    issues: issues.list,
    acknowledge: (name, doer) =>
      done('issue acknowledged', doer, { issue: name }, () => {
        if (!issues.remove(name)) throw new BadInput([{ where: 'issue', text: `there is no issue "${name}"` }])
      }),
    isResetAllowed: () => !isResetOff(),
    allowReset: (isAllowed, doer) =>
      done('reset by claim code', doer, { allowed: String(isAllowed) }, () => void (isAllowed ? setResetOn : setResetOff).run()),
    eventsId: list.id,
    wasSetBack: list.wasSetBack,
    audit: (event) => store.write(() => audit.add(event)),
    auditFrom: audit.from,
    auditLatest: audit.latest,
    close: store.close,
  }
}
