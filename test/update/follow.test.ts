// What is seen and heard of an update server that is asked without one: by answers that are made here.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Unreachable } from '../../src/core/errors.ts'
import type { Ddi } from '../../src/update/ddi.ts'
import type { Deployment } from '../../src/update/ddi-wire.ts'
import type { Follow } from '../../src/update/follow.ts'
import { createFollow } from '../../src/update/follow.ts'
import type { Store } from '../../src/update/state.ts'
import { openStore } from '../../src/update/state.ts'
import { until } from '../route/until.ts'

const URL = 'https://updates.example.com'
const AT = `${URL}/DEFAULT/controller/v1/box-1/deploymentBase/7`

let store: Store
let written: string[]
let stop: AbortController
let done: Promise<void> | undefined

async function following(ddi: (signal: AbortSignal) => Promise<Partial<Ddi>>): Promise<Follow> {
  stop = new AbortController()
  written = []
  store = await openStore(
    '/nowhere/update.json',
    async (_, text) => void written.push(text),
    () => undefined,
  )
  const follow = createFollow({
    open: async (signal) => ({ url: URL, ddi: async () => (await ddi(signal)) as Ddi }),
    store,
    course: { nudge: () => undefined, cancel: async () => undefined, progress: () => expect.fail() },
    attributes: async () => ({}),
    now: () => 0,
    said: () => undefined,
  })
  done = follow.run(stop.signal)
  return follow
}
afterEach(async () => {
  stop.abort()
  await done
})

test('a server that no link leads to is shown with the reason, and not as if the settings named none', async () => {
  const follow = await following(() => Promise.reject(new Unreachable('no-link', 'system: eth1 is down')))
  expect(await until('it was tried', () => follow.view() ?? undefined)).toMatchObject({ url: URL })
  await until('it says why', () => follow.view()?.lastError === 'system: eth1 is down')
})

test('told to end while the server is silent, it ends', async () => {
  let asked = false
  await following(async (signal) => ({
    base: async () => {
      asked = true
      await sleep(60_000, undefined, { signal })
      return {}
    },
  }))
  await until('it asks', () => asked)
  stop.abort()
  await expect(Promise.race([done, sleep(1_000).then(() => 'still asks')])).resolves.toBeUndefined()
})

test('the index that stands beside a bundle goes with it, by TLS alone', async () => {
  const artifact = (filename: string, links: object) => ({ filename, hashes: {}, size: 3, _links: links })
  const of = (index: object[]): Deployment => ({
    download: 'forced',
    update: 'forced',
    chunks: [
      { name: 'os', version: '2', artifacts: [...index, artifact('b.raucb', { download: { href: `${URL}/b` } })] as never },
    ],
  })
  const [tls, plain] = [{ download: { href: `${URL}/i` } }, { 'download-http': { href: 'http://updates.example.com/i' } }]
  const cases: [object[], string | null][] = [
    [[artifact('b.raucb.index', tls)], `${URL}/i`],
    [[artifact('b.raucb.index', plain)], null],
    [[artifact('another.raucb.index', tls)], null],
    [[], null],
  ]
  for (const [index, indexUrl] of cases) {
    await following(async () => ({
      base: async () => ({ _links: { deploymentBase: { href: AT } } }),
      deployment: async () => ({ id: '7', deployment: of(index) }),
    }))
    const job = await until('it is begun', () => store.now().job ?? undefined)
    expect(job).toMatchObject({ url: `${URL}/b`, name: 'b.raucb', indexUrl })
    stop.abort()
    await done
  }
})

test('what has no bundle in it is answered and done with in one write: a cut between them would make a success of it', async () => {
  const told: unknown[] = []
  const deployment: Deployment = { download: 'forced', update: 'forced', chunks: [] }
  await following(async () => ({
    base: async () => (told.length > 0 ? {} : { _links: { deploymentBase: { href: AT } } }),
    deployment: async () => ({ id: '7', deployment }),
    feedback: async (kind, action, body) => told.push([kind, action, body]) > 0,
  }))
  await until('it was told', () => told.length > 0 && store.now().reports.length === 0)
  expect(told).toEqual([
    ['deploymentBase', '7', { status: expect.objectContaining({ execution: 'closed', result: { finished: 'failure' } }) }],
  ])
  const states = written.map((it) => JSON.parse(it) as { done: string | null; reports: unknown[] })
  expect(states[0]).toMatchObject({ done: '7', reports: [{ action: '7' }] })
})
