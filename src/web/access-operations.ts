// Users, sessions, tokens, what was done: operations like those of the commands, on the panel's own store. Their events are written with the change.
import { z } from 'zod'
import type { Access } from '../access/index.ts'
import { Refused } from '../access/refused.ts'
import { maybe, micros, shapeOf } from '../commands/shapes/shape.ts'
import type { AccessIssue, ApiToken, AuditPage, SessionView, User } from '../core/access.ts'
import { BadInput } from '../core/errors.ts'
import type { OperatorRole } from '../core/operator.ts'
import { OPERATOR_ROLES } from '../core/operator.ts'
import type { Who } from './gate.ts'

export interface AccessContext {
  readonly access: Access
  readonly who: Who
}

export interface AccessOperation {
  readonly name: string
  readonly access: OperatorRole
  readonly summary: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  run(input: never, context: AccessContext): unknown
}

function on<In extends z.ZodType, Out extends z.ZodType>(
  name: string,
  access: OperatorRole,
  summary: string,
  input: In,
  output: Out,
  run: (input: z.output<In>, context: AccessContext) => z.input<Out> | Promise<z.input<Out>>,
): AccessOperation {
  return { name, access, summary, input, output, run: run as AccessOperation['run'] }
}

const EVENTS_MAX = 1_000
const text = z.string()
const nothing = z.strictObject({})
const done = z.object({})
const role = z.enum(OPERATOR_ROLES)
const name = text.min(1).max(256)
const password = text.min(1).max(1_000)
const list = <T>(shape: z.ZodType<T>) => z.array(shape).readonly()

const user = shapeOf<User>()(z.object({ name: text, role, at: micros, by: text }))
const sessionView = shapeOf<SessionView>()(z.object({ id: text, user: text, address: text, at: micros, idleMs: z.number() }))
const apiToken = shapeOf<ApiToken>()(z.object({ name: text, role, at: micros, by: text, until: micros, used: micros.nullable() }))
const auditPage = shapeOf<AuditPage>()(
  z.object({
    events: z.array(
      z.object({ position: z.number(), at: micros, what: text, by: text, address: text, detail: z.record(text, text) }),
    ),
    cut: z.number(),
  }),
)
const accessIssue = shapeOf<AccessIssue>()(z.object({ code: text, at: micros, text, remedy: text }))
const doer = ({ who: { by, address } }: AccessContext) => ({ by, address })

export const ACCESS_OPERATIONS: readonly AccessOperation[] = [
  on('users list', 'admin', 'who may do what', nothing, list(user), (_, { access }) => access.users()),
  on('users add', 'admin', 'one user more', z.strictObject({ name, role, password }), done, async (input, context) => {
    await context.access.addUser(input, doer(context))
    return {}
  }),
  on('users role', 'admin', 'give a user another role', z.strictObject({ name, role }), done, (input, context) => {
    context.access.setRole(input.name, input.role, doer(context))
    return {}
  }),
  on(
    'users password',
    'admin',
    'give a user a new password: it ends his sessions',
    z.strictObject({ name, password }),
    done,
    async (input, context) => {
      await context.access.setPassword(input.name, input.password, doer(context), context.who.session?.id)
      return {}
    },
  ),
  on('users remove', 'admin', 'remove a user: it ends his sessions', z.strictObject({ name }), done, (input, context) => {
    context.access.removeUser(input.name, doer(context))
    return {}
  }),
  on(
    'password change',
    'viewer',
    'a new password of one’s own: it ends all one’s other sessions',
    z.strictObject({ current: password, password }),
    done,
    changeOwnPassword,
  ),
  on('sessions list', 'admin', 'who is logged in', nothing, list(sessionView), (_, { access }) => access.sessions()),
  on('sessions end', 'admin', 'log somebody out', z.strictObject({ id: name }), done, ({ id }, context) => {
    if (!context.access.endSession(id, doer(context))) throw new BadInput([{ where: 'id', text: 'there is no such session' }])
    return {}
  }),
  on('tokens list', 'admin', 'tokens of scripts', nothing, list(apiToken), (_, { access }) => access.tokens()),
  on(
    'tokens add',
    'admin',
    'a token for a script; its text is in this answer and never shown again',
    z.strictObject({ name, role, until: micros.int() }),
    z.object({ token: text }),
    (input, context) => ({ token: context.access.addToken(input, doer(context)) }),
  ),
  on('tokens remove', 'admin', 'a token is none any more, at once', z.strictObject({ name }), done, (input, context) => {
    context.access.removeToken(input.name, doer(context))
    return {}
  }),
  on(
    'audit list',
    'admin',
    'what was done by whom: the latest first, or from a position on the oldest first',
    z.strictObject({ limit: z.int().min(1).max(EVENTS_MAX), from: maybe(z.int().min(0)) }),
    auditPage,
    ({ limit, from }, { access }) => (from === undefined ? access.auditLatest(limit) : access.auditFrom(from, limit)),
  ),
  on('access issues', 'viewer', 'what an admin has to see', nothing, list(accessIssue), (_, { access }) => access.issues()),
  on('access acknowledge', 'admin', 'an issue has been seen', z.strictObject({ code: name }), done, ({ code }, context) => {
    context.access.acknowledge(code, doer(context))
    return {}
  }),
  on(
    'access reset',
    'admin',
    'whether the claim code, typed at the console, sets an admin’s password; without `allowed`: only asks',
    z.strictObject({ allowed: maybe(z.boolean()) }),
    z.object({ allowed: z.boolean() }),
    ({ allowed }, context) => {
      if (allowed !== undefined) context.access.allowReset(allowed, doer(context))
      return { allowed: context.access.isResetAllowed() }
    },
  ),
]

async function changeOwnPassword(
  { current, password }: { current: string; password: string },
  { access, who }: AccessContext,
): Promise<Record<string, never>> {
  const { session, address } = who
  if (!session) throw new Refused('not-allowed', 'a token has no password', { remedy: 'log in' })
  await access.confirmPassword(session.user, current, { address })
  await access.setPassword(session.user, password, { by: session.user, address }, session.id)
  return {}
}
