import { describe, expect, test } from 'vitest'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import { messageCounter, repeats } from '../../../src/sources/opcua/messages.ts'
import { backoffMs, TIMING } from '../../../src/sources/opcua/timing.ts'
import { verdict } from '../../../src/sources/opcua/watchdog.ts'

const tag = { tag: 'hall-1/line-1/speed', node: 'nsu=urn:acme:line;s=Speed', class: 'process' }
const secure = { user: 'gateway', password: { secret: 'line-1' } }
const base = { endpoint: 'opc.tcp://10.20.1.50:4840', security: secure, tags: [tag] }

/** `path: message` of each problem. */
function problems(input: unknown): string[] {
  const { error } = opcuaSettings.safeParse(input)
  return (error?.issues ?? []).map((it) => `${it.path.join('.')}: ${it.message}`)
}

describe('settings', () => {
  test('the example of the product, with its defaults', () => {
    const settings = opcuaSettings.parse({
      endpoint: 'opc.tcp://10.20.1.50:4840',
      security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', user: 'gateway', password: { secret: 'line-1' } },
      tags: [{ ...tag, sampling: '100ms', deadband: 0.5 }],
    })
    expect(settings.sessionTimeoutMs).toBe(60_000)
    expect(settings.tags).toEqual([
      {
        ...tag,
        unit: undefined,
        type: undefined,
        samplingMs: 100,
        publishingMs: 250,
        deadband: { kind: 'absolute', value: 0.5 },
        queueSize: 601,
        isFlat: false,
      },
    ])
  })

  test('security is on when nothing is said', () => {
    expect(opcuaSettings.parse(base).security).toMatchObject({ policy: 'Basic256Sha256', mode: 'SignAndEncrypt' })
  })

  test.each([
    [
      'nothing said of a user',
      {},
      'security.user: the session would be anonymous: set it, or say why not with insecure: "the reason"',
    ],
    ['no policy', { ...secure, policy: 'None', mode: 'None' }, 'security.policy: nothing would be signed or encrypted'],
    ['no encryption', { ...secure, mode: 'Sign' }, 'security.mode: nothing would be encrypted'],
    ['policy without mode', { ...secure, mode: 'None' }, 'security.mode: policy None and mode None go together'],
    ['an old policy', { ...secure, policy: 'Basic128Rsa15' }, 'security.policy: Invalid option'],
    ['a user without password', { user: 'gateway' }, 'security.password: user and password go together'],
    ['a certificate without key', { certificate: 'PEM' }, 'security.privateKey: certificate and privateKey go together'],
    ['an unknown key', { ...secure, polcy: 'None' }, 'security: Unrecognized key: "polcy"'],
  ])('refuses %s', (_, security, text) => {
    expect(problems({ ...base, security }).join('\n')).toContain(text)
  })

  test('takes less security with a reason', () => {
    const security = { policy: 'None', mode: 'None', insecure: 'a test bench' }
    expect(problems({ ...base, security })).toEqual([])
  })

  test('expands many tags from one line', () => {
    const { tags } = opcuaSettings.parse({
      ...base,
      queueSize: 7,
      tags: [
        { tag: 'hall/{n}', node: 'nsu=urn:plant;s=Item{n}', class: 'process', count: 1000, deadband: '2%', sampling: '0ms' },
      ],
    })
    expect(tags.length).toBe(1000)
    expect(tags[999]).toMatchObject({ tag: 'hall/999', node: 'nsu=urn:plant;s=Item999', queueSize: 7, samplingMs: 0 })
    expect(tags[0]?.deadband).toEqual({ kind: 'percent', value: 2 })
  })

  test('a structure is flattened by the end of its tag or by a key, which has the last word', () => {
    const flat = (row: object) =>
      opcuaSettings.parse({ ...base, tags: [{ ...tag, ...row }] }).tags.map((it) => [it.tag, it.isFlat])
    expect(flat({ tag: 'x/**' })).toEqual([['x', true]])
    expect(flat({ tag: 'x', flatten: true })).toEqual([['x', true]])
    expect(flat({ tag: 'x/**', flatten: false })).toEqual([['x/**', false]])
    expect(flat({ tag: '{n}/x/**', node: 's=X{n}', count: 2 })).toEqual([
      ['0/x', true],
      ['1/x', true],
    ])
  })

  test.each([
    [{ ...tag, node: 'Speed' }, 'tags.0.node: allowed is a node id'],
    [{ ...tag, sampling: 'soon' }, 'tags.0.sampling: allowed is a duration'],
    [{ ...tag, publishing: '10ms' }, 'tags.0.publishing: allowed is from 50 ms to 1 min'],
    [{ ...tag, deadband: 'some' }, 'tags.0.deadband: allowed is a number'],
    [{ ...tag, tag: 'x/**', type: 'long' }, 'tags.0.type: the fields of a structure that is flattened have types of their own'],
    [{ ...tag, flatten: true, type: 'long' }, 'tags.0.type: the fields of a structure'],
    [{ ...tag, tag: '/**' }, 'tags.0.tag: a name is needed before /**'],
    [{ ...tag, count: 3 }, 'tags.0.count: with count, tag and node both need {n}'],
  ])('refuses %o', (row, text) => {
    expect(problems({ ...base, tags: [row] }).join('\n')).toContain(text)
  })

  test('events: of the whole server by itself, all severities, with the queue of the source; with them no tags are needed', () => {
    const { tags, events } = opcuaSettings.parse({
      ...base,
      tags: undefined,
      queueSize: 50,
      events: [{ tag: 'a', class: 'alarm' }],
    })
    expect(tags).toEqual([])
    expect(events).toEqual([{ tag: 'a', class: 'alarm', node: 'i=2253', severity: 1, fields: undefined, queueSize: 50 }])
    expect(opcuaSettings.parse({ ...base, events: [{ tag: 'a', class: 'alarm' }] }).events[0]?.queueSize).toBe(10_000)
    expect(problems({ ...base, tags: [] })).toEqual(['tags: there is nothing to read: give tags, events or both'])
  })

  test.each([
    [{ severity: 0 }, 'events.0.severity'],
    [{ severity: 1001 }, 'events.0.severity'],
    [{ node: 'Server' }, 'events.0.node: allowed is a node id'],
    [{ fields: ['ActiveState//Id'] }, 'events.0.fields.0: allowed is a field of the event'],
    [{ fields: [] }, 'events.0.fields'],
    [{ deadband: 1 }, 'events.0: Unrecognized key: "deadband"'],
    [{ tag: tag.tag }, `tags: tag ${tag.tag} stands there twice`],
  ])('refuses events with %o', (row, text) => {
    expect(problems({ ...base, events: [{ tag: 'a', class: 'alarm', ...row }] }).join('\n')).toContain(text)
  })

  test('refuses a tag that stands there twice, and a session shorter than its keep-alives', () => {
    expect(problems({ ...base, tags: [tag, tag] })).toEqual([`tags: tag ${tag.tag} stands there twice`])
    expect(problems({ ...base, publishing: '10s', sessionTimeout: '30s' }).join()).toContain('it has to be 1 min or more')
  })
})

test('message numbers: what never comes is counted once, what comes late is not, and one is the number after the highest', () => {
  const count = messageCounter()
  const feed = (...numbers: number[]) => numbers.reduce((sum, it) => sum + count.take(it), 0)
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
  expect(feed(...range(1, 11), 13, 11, 14)).toBe(0)
  expect(feed(...range(15, 113))).toBe(0)
  expect(feed(...range(113, 200))).toBe(1)
  expect(feed(4_294_967_295, 1, 2, ...range(3, 300))).toBe(0)
})

describe('watchdog', () => {
  const patience = { silenceMs: 25_000, sessionMs: 60_000 }
  const alive = { heard: 100_000, lost: undefined, restored: 0 }

  test.each([
    [125_000, alive, 'alive'],
    [125_001, alive, 'silent'],
    // The link is gone: the server still keeps the session.
    [159_000, { ...alive, lost: 100_000 }, 'alive'],
    [160_001, { ...alive, lost: 100_000 }, 'gone'],
    // It is back, and has as long as any to prove it.
    [150_000, { ...alive, restored: 130_000 }, 'alive'],
    [155_001, { ...alive, restored: 130_000 }, 'silent'],
    // Always about to come back, never there.
    [185_001, { ...alive, restored: 185_000 }, 'gone'],
  ])('at %i', (now, pulse, expected) => {
    expect(verdict(now, pulse, patience)).toBe(expected)
  })

  test('back-off doubles from 1 s to 30 s, the half of it by lot', () => {
    const waits = (random: number) => [1, 2, 5, 6, 60].map((attempt) => backoffMs(attempt, { ...TIMING, random: () => random }))
    expect(waits(0)).toEqual([500, 1_000, 8_000, 15_000, 15_000])
    expect(waits(1)).toEqual([1_000, 2_000, 16_000, 30_000, 30_000])
  })
})

test('a message that comes twice is known by its number and its mark; a count that begins anew is none', () => {
  const isRepeated = repeats()
  expect([1, 2, 3].map((it) => isRepeated(it, `at ${1000 + it}`))).toEqual([false, false, false])
  expect([2, 3, 4].map((it) => isRepeated(it, `at ${1000 + it}`))).toEqual([true, true, false])
  expect([1, 2].map((it) => isRepeated(it, `at ${5000 + it}`))).toEqual([false, false])
  for (let it = 10; it < 20_010; it++) expect(isRepeated(it, `at ${it}`)).toBe(false)
  expect(isRepeated(20_009, 'at 20009')).toBe(true)
})
