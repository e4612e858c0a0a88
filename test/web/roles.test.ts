// Every route for everybody: who may not is refused before anything is looked at, who may is not.
import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OPERATOR_ROLES } from '../../src/core/operator.ts'
import { guard } from '../../src/web/gate.ts'
import { ALL_OPERATIONS, inputFor } from './inputs.ts'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, PASSWORD, startPanel } from './panel.ts'

let panel: TestPanel
const users = new Map<string, Browser>()
const tokens = new Map<string, string>()
const doer = { by: 'anna', address: '127.0.0.1' }
const NEVER = 4_000_000_000_000_000

beforeAll(async () => {
  panel = await startPanel()
  const anna = browser(panel.url)
  await anna.claim(panel.access.claimCode() ?? '')
  users.set('admin', anna)
  for (const [role, name] of [
    ['viewer', 'vera'],
    ['technician', 'tom'],
  ] as const) {
    await panel.access.addUser({ name, role, password: PASSWORD }, doer)
    const its = browser(panel.url)
    expect((await its.logIn(name)).status).toBe(200)
    users.set(role, its)
  }
  for (const role of OPERATOR_ROLES) tokens.set(role, panel.access.addToken({ name: role, role, until: NEVER }, doer))
})
afterAll(() => panel.close())

const mayDo = (role: string, least: string) =>
  (OPERATOR_ROLES as readonly string[]).indexOf(role) >= OPERATOR_ROLES.indexOf(least as 'viewer')

const hasGet = (name: string) => ALL_OPERATIONS.some((it) => it.name === name && 'resumes' in it)

describe.each(ALL_OPERATIONS.map((it) => [it.name, it.access] as const))('%s takes %s', (name, least) => {
  test('nobody is refused', async () => {
    for (const headers of [
      {},
      { cookie: '__Host-holdfast=x' },
      { authorization: 'Bearer holdfast_x' },
      { authorization: 'Basic YTpi' },
    ]) {
      const path = `${panel.url}/api/v1/${name.replaceAll(' ', '/')}`
      const reply = await askHttps(path, { method: 'POST', body: inputFor(name), headers })
      expect(reply.json()).toMatchObject({ error: { code: 'no-session' } })
      expect(reply.status).toBe(401)
    }
  })

  test.each(OPERATOR_ROLES)('%s', async (role) => {
    const reply = await (users.get(role) as Browser).call(name, inputFor(name))
    if (mayDo(role, least)) expect([200, 400], reply.text).toContain(reply.status)
    else expect(reply.json()).toMatchObject({ error: { code: 'not-allowed' } })
  })

  test.each(OPERATOR_ROLES)('a script with a token for %s', async (role) => {
    const headers = { authorization: `Bearer ${tokens.get(role)}` }
    const path = `${panel.url}/api/v1/${name.replaceAll(' ', '/')}`
    const reply = await askHttps(path, { method: 'POST', body: inputFor(name), headers })
    // A token has no password to change.
    if (mayDo(role, least) && name !== 'password change') expect([200, 400], reply.text).toContain(reply.status)
    else expect(reply.json()).toMatchObject({ error: { code: 'not-allowed' } })
  })

  test('a method that is none of it is nothing', async () => {
    const admin = users.get('admin') as Browser
    for (const method of [...(hasGet(name) ? [] : ['GET']), 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const reply = await admin.ask(`/api/v1/${name.replaceAll(' ', '/')}`, { method })
      expect({ method, status: reply.status }).toEqual({ method, status: 404 })
    }
  })
})

test('what server-sent events are fetched by is for the same roles, and for nobody from another page', async () => {
  const path = '/api/v1/follow?from=now'
  expect(hasGet('follow')).toBe(true)
  expect((await askHttps(panel.url + path, {})).json()).toMatchObject({ error: { code: 'no-session' } })
  for (const role of OPERATOR_ROLES) {
    const headers = { authorization: `Bearer ${tokens.get(role)}` }
    const reply = await askHttps(panel.url + path, { headers })
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'text/event-stream'])
    expect(reply.text).toMatch(/^id: p1-0-\ndata: \{"row":/)
    expect((await (users.get(role) as Browser).ask(path)).status).toBe(200)
  }
  const other = { headers: { 'sec-fetch-site': 'cross-site' } }
  expect((await (users.get('viewer') as Browser).ask(path, other)).json()).toMatchObject({ error: { code: 'other-origin' } })
  const wrong = await (users.get('viewer') as Browser).ask('/api/v1/follow?form=everything')
  expect([wrong.status, wrong.json()]).toMatchObject([400, { error: { name: 'BadInput', problems: [{ where: 'form' }] } }])
})

test('a route that does not say who may is none: the server does not start', () => {
  const server = fastify()
  guard(server, panel.access, () => {})
  expect(() => server.get('/api/v1/back-door', () => 'open')).toThrow('does not say who may')
})

test('every operation stands in the list of the API with its role, and answers as that says', async () => {
  const admin = users.get('admin') as Browser
  const { paths } = (await admin.ask('/api/v1/openapi.json')).json<{
    paths: Record<string, { post: { 'x-least-role': string } }>
  }>()
  expect(Object.keys(paths)).toHaveLength(ALL_OPERATIONS.length)
  for (const it of ALL_OPERATIONS)
    expect(paths[`/api/v1/${it.name.replaceAll(' ', '/')}`]?.post['x-least-role'], it.name).toBe(it.access)
  const viewer = users.get('viewer') as Browser
  expect((await viewer.ask('/api/v1/openapi.json')).status).toBe(200)
  expect((await askHttps(`${panel.url}/api/v1/openapi.json`, {})).status).toBe(401)
})

test('operations of one name do not hide each other', () => {
  const names = ALL_OPERATIONS.map((it) => it.name)
  expect(names.filter((it, at) => names.indexOf(it) !== at)).toEqual([])
})
