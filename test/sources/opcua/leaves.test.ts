// Structures taken apart, on the server; and what is left of a message that is asked for again when the session is gone.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClientSubscription } from 'node-opcua-client'
import { askAgain, messageCounter } from '../../../src/sources/opcua/messages.ts'
import { asyncua, freePort, openSession, remove, run, type ServerProcess, temporary, until } from './helpers.ts'

const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const node = 'nsu=urn:plant:line;s=Batch'
const base = { node, class: 'process' }

let dir: string
let server: ServerProcess

beforeAll(async () => {
  dir = temporary()
  server = await asyncua({ port: await freePort(), certificates: dir, nested: true })
})

afterAll(async () => {
  await server.kill()
  remove(dir)
})

test('a series for each scalar by its path, arrays as JSON; another value, and one without, go to the same series', async () => {
  const input = { endpoint: server.endpoint, security, publishing: '50ms', sampling: '0ms' }
  const tags = [
    { ...base, tag: 'batch/**' },
    { ...base, tag: 'also', flatten: true },
    { ...base, tag: 'whole' },
    { ...base, tag: 'plain/**', node: 'nsu=urn:plant:line;s=Double' },
  ]
  const source = run({ ...input, tags }, dir)
  try {
    const of = (tag: string) => source.of(tag).map((it) => it.value)
    await until('the first', () => of('batch/Note').length === 1 && of('whole').length === 1 && of('plain').length === 1)
    const first = source.rows.filter((it) => it.tag.startsWith('batch'))
    const recipe = '{"Count":"7","Level":0.5,"Steps":["1","9223372036854775807"],"Name":"mix"}'
    expect(Object.fromEntries(first.map((it) => [it.tag, [it.kind, it.value]]))).toEqual({
      'batch/Recipe/Count': ['long', 7n],
      'batch/Recipe/Level': ['double', 0.5],
      'batch/Recipe/Steps': ['string', '["1","9223372036854775807"]'],
      'batch/Recipe/Name': ['string', 'mix'],
      'batch/Recipes': ['string', `[${recipe}]`],
      'batch/State': ['long', 1n],
      'batch/On': ['bool', true],
      'batch/Begun': ['long', BigInt(Date.parse('2026-03-01T06:30:00.123Z')) * 1000n + 456n],
      'batch/Key': ['bytes', new Uint8Array([0, 255])],
      'batch/Note': ['string', undefined],
    })
    expect(new Set(first.map((it) => it.time)).size).toBe(1)
    expect(of('also/Recipe/Count')).toEqual([7n])
    expect(JSON.parse(String(of('whole')[0]))).toMatchObject({ Recipe: JSON.parse(recipe), State: 1 })
    expect(of('plain')).toEqual([74.93588199999998])

    await server.command({ do: 'batch', count: 8, note: 'new' })
    await until('the second', () => of('batch/Note').length === 2)
    expect([of('batch/Recipe/Count'), of('batch/Note')]).toEqual([
      [7n, 8n],
      [undefined, 'new'],
    ])
    await server.command({ do: 'write', node: 'Batch', status: 0x80310000, source: '2030-01-01T00:00:00+00:00' })
    await until('the third', () => of('batch/Note').length === 3)
    expect(source.of('batch/Recipe/Count').at(-1)).toMatchObject({ value: undefined, quality: 'bad', status: 0x80310000 })
    expect(source.of('batch')).toEqual([])
    expect(source.status().notes).toBeUndefined()
  } finally {
    await source.stop()
  }
})

test('a message is to be asked for again, and the session is gone by then: nothing breaks, and it is still missing', async () => {
  const thrown: unknown[] = []
  const onThrown = (error: unknown) => thrown.push(error)
  process.on('unhandledRejection', onThrown)
  try {
    const { open, close } = await openSession(server.endpoint, dir)
    const subscription = ClientSubscription.create(open.session, { requestedPublishingInterval: 50, publishingEnabled: true })
    await new Promise<void>((resolve) => subscription.once('started', () => resolve()))
    const counter = messageCounter()
    counter.take(1)
    counter.take(3)
    let tried = 0
    const missing = () => {
      tried++
      return counter.missing()
    }
    const again = askAgain(subscription, { ...counter, missing }, () => {})
    again.due()
    await subscription.terminate()
    await close()
    await until('it was tried', () => tried >= 2)
    await new Promise((resolve) => setImmediate(resolve))
    again.stop()
    expect(counter.missing()).toEqual([2])
    expect(thrown).toEqual([])
  } finally {
    process.off('unhandledRejection', onThrown)
  }
})
