// The uplink against a real broker: what arrives, what is kept, and what becomes of what the broker refuses.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { BatchBuilder } from '../../../src/core/batch.ts'
import type { Unreachable } from '../../../src/core/errors.ts'
import { Blocked } from '../../../src/core/errors.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { openUplink } from '../../../src/uplinks/mqtt/uplink.ts'
import { until } from '../../sources/mqtt/harness.ts'
import type { Mosquitto } from '../../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../../sources/mqtt/mosquitto.ts'
import { aggregated, CLOCK, doubles, positionOf, rawStream, sliceOf } from '../kafka/slices.ts'
import type { Line } from './harness.ts'
import { contextWith, NEVER, retained, settingsOf, subscriber, withSlices } from './harness.ts'

let broker: Mosquitto

beforeAll(async () => {
  broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 100000', 'message_size_limit 100000'] })
})

afterAll(() => broker.remove())

const part = ({ slice, series }: ReturnType<typeof sliceOf> | ReturnType<typeof aggregated>) => ({ slices: [slice], series })

async function opened(more: object = {}, device = 'hf-1', port = broker.port, lines: Line[] = []): Promise<Uplink> {
  const uplink = await openUplink(settingsOf(port, more), contextWith(lines, device))
  onTestFinished(() => uplink.close())
  return uplink
}

async function listening(filter: string, port = broker.port, options: object = {}) {
  const it = await subscriber(port, options, filter)
  onTestFinished(() => it.end())
  return it
}

test('values, qualities and types arrive exactly, and the last one of each tag is kept', async () => {
  const device = 'hf-exact'
  const stream = rawStream(device)
  const hears = await listening(`holdfast/${device}/#`)
  const uplink = await opened({}, device)
  const at = CLOCK.now()
  const filled = sliceOf(stream, 40, (it) => {
    const number = it.series({ tag: 'hall/press/force', class: 'process', kind: 'double', unit: 'kN' })
    const long = it.series({ tag: 'hall/press/strokes', class: 'process', kind: 'long' })
    const bool = it.series({ tag: 'hall/press/door', class: 'process', kind: 'bool' })
    const text = it.series({ tag: 'hall/press/state', class: 'process', kind: 'string' })
    const bytes = it.series({ tag: 'hall/press/frame', class: 'process', kind: 'bytes' })
    it.add(number, at, 12.5)
    it.add(number, at + 1, -0)
    it.add(number, at + 2, Number.NaN, 1, 7)
    it.addNone(number, at + 3, 2, 0x80050000)
    it.addLong(long, at, 9_007_199_254_740_993n)
    it.addLong(long, at + 1, -7n)
    it.add(bool, at, 1)
    it.addString(text, at, 'läuft "schnell"\n')
    it.addBytes(bytes, at, Uint8Array.of(0, 255, 3))
  })
  expect(await uplink.send(withSlices(part(filled)), positionOf(1, stream, 49), NEVER)).toEqual([])
  await until('all is heard', () => hears.heard.length === 9)
  const values = hears.heard.map(({ topic, json }) => [
    topic.slice(`holdfast/${device}/process/hall/press/`.length),
    json['seq'],
    Object.entries(json).find(([key]) => key.startsWith('value_')),
    json['quality'],
  ])
  expect(values).toEqual([
    ['force', 40, ['value_double', 12.5], 'good'],
    ['force', 41, ['value_double', -0], 'good'],
    ['force', 42, ['value_double', 'NaN'], 'uncertain'],
    ['force', 43, ['value_double', null], 'bad'],
    ['strokes', 44, ['value_long', '9007199254740993'], 'good'],
    ['strokes', 45, ['value_long', -7], 'good'],
    ['door', 46, ['value_bool', true], 'good'],
    ['state', 47, ['value_string', 'läuft "schnell"\n'], 'good'],
    ['frame', 48, ['value_bytes', 'AP8D'], 'good'],
  ])
  expect(hears.heard[3]?.json).toMatchObject({
    ts: at + 3,
    device,
    site: 'plant-1',
    tag: 'hall/press/force',
    unit: 'kN',
    status_code: 0x80050000,
    epoch: stream.epoch,
    time_quality: 'source',
    class: 'process',
  })
  const kept = await retained(broker.port, `holdfast/${device}/#`)
  expect([...kept].map(([topic, json]) => [topic.split('/').at(-1), json['seq']]).toSorted()).toEqual([
    ['door', 46],
    ['force', 43],
    ['frame', 48],
    ['state', 47],
    ['strokes', 45],
  ])
})

test('a last value never goes back: not for what is sent again, not for the backlog, not for a new connection', async () => {
  const device = 'hf-last'
  const stream = rawStream(device)
  const keptSequence = async () =>
    [...(await retained(broker.port, `holdfast/${device}/#`)).values()].map((it) => it['seq'] as number)
  const at = CLOCK.now() - 60_000_000
  const readings = (from: number, count: number) =>
    part(
      sliceOf(stream, from, (it) => {
        const id = it.series({ tag: 't', class: 'process', kind: 'double' })
        for (let n = from; n < from + count; n++) it.add(id, at + n, n)
      }),
    )
  const first = await opened({}, device)
  await first.send(withSlices(readings(50, 10)), positionOf(1, stream, 60), NEVER)
  expect(await keptSequence()).toEqual([59])
  // The backlog, newest first.
  await first.send(withSlices(readings(20, 10)), positionOf(2, stream, 60), NEVER)
  await first.close()
  // Whoever comes anew does not know what went before: the broker does.
  const second = await opened({}, device)
  await second.send(withSlices(readings(0, 10)), positionOf(3, stream, 60), NEVER)
  await second.send(withSlices(readings(50, 5)), positionOf(4, stream, 60), NEVER)
  expect(await keptSequence()).toEqual([59])
  await second.send(withSlices(readings(55, 10)), positionOf(5, stream, 65), NEVER)
  expect(await keptSequence()).toEqual([64])
})

test('aggregates, gap records and events have topics of their own and are never kept', async () => {
  const device = 'hf-forms'
  const stream = rawStream(device)
  const hears = await listening('+/hf-forms/#')
  const uplink = await opened({}, device)
  const raw = doubles(stream, 0, 100, 2)
  const reduced = aggregated(raw, 0, 10_000_000)
  const gap = { form: 'gap' as const, stream: { ...stream, form: 'gap' as const }, from: 0, to: 1 }
  const row = { sequence: 0, stream, from: 5, to: 9, timeFrom: 1, timeTo: 2, count: 4, exact: true, at: 3 }
  const event = {
    form: 'event' as const,
    stream: { device, epoch: stream.epoch, class: '', form: 'event' as const },
    from: 0,
    to: 3,
  }
  const batch = withSlices(part(reduced), {
    slices: [
      { ...gap, rows: [{ ...row, action: 'dropped', reason: 'full' }] },
      { ...event, rows: [{ sequence: 1, text: JSON.stringify({ ts: 9, what: 'log-in' }) }] },
    ],
    series: new Map(),
  })
  expect(await uplink.send(batch, positionOf(1, stream, 0), NEVER)).toEqual([])
  await until('all is heard', () => hears.heard.length >= reduced.slice.to + 4)
  const by = (topic: string) => hears.heard.filter((it) => it.topic === topic).map((it) => it.json)
  const sums = hears.heard.filter((it) => it.topic.startsWith('holdfast-aggregates/hf-forms/process/hall-1/machine-'))
  expect(sums.reduce((count, { json }) => count + Number(json['count']), 0)).toBe(100)
  expect(by('holdfast-gaps/hf-forms/process')).toMatchObject([{ seq_from: 5, seq_to: 8, count: 4, action: 'dropped', seq: 0 }])
  expect(by('holdfast-events/hf-forms')).toMatchObject([
    { what: 'events-gone', seq_from: 0, seq_to: 0 },
    { what: 'log-in', ts: 9, seq: 1 },
    { what: 'events-gone', seq_from: 2, seq_to: 2 },
  ])
  expect(await retained(broker.port, '+/hf-forms/#')).toEqual(new Map())
})

test('what a topic may not hold is replaced, and never sent', async () => {
  const device = 'hf-names'
  const stream = rawStream(device)
  const hears = await listening(`holdfast/${device}/#`)
  const uplink = await opened({}, device)
  const odd = sliceOf(stream, 0, (it) => {
    for (const tag of ['a+b/c#', 'd\u0000e\u0007', '/x//y']) {
      it.add(it.series({ tag, class: 'process', kind: 'double' }), CLOCK.now(), 1)
    }
  })
  await uplink.send(withSlices(part(odd)), positionOf(1, stream, 3), NEVER)
  await until('all is heard', () => hears.heard.length === 3)
  expect(hears.heard.map((it) => it.topic.slice(`holdfast/${device}/process/`.length))).toEqual(['a_b/c_', 'd_e_', '/x//y'])
  expect(hears.heard.map((it) => it.json['tag'])).toEqual(['a+b/c#', 'd\u0000e\u0007', '/x//y'])
})

const long = (it: BatchBuilder, id: number, chars: number) => it.addString(id, CLOCK.now(), 'x'.repeat(chars))

test('a message that the broker finds too long is refused and named, and all others arrive', async () => {
  const device = 'hf-large'
  const stream = rawStream(device)
  const hears = await listening(`holdfast/${device}/#`)
  const filled = () =>
    sliceOf(stream, 0, (it) => {
      const id = it.series({ tag: 't', class: 'process', kind: 'string' })
      for (const chars of [10, 200_000, 20, 3_000_000, 30]) long(it, id, chars)
    })
  const told = await listening(`holdfast-events/${device}`)
  // By its own word in the PUBACK (message_size_limit), and by our own bound.
  const lines: Line[] = []
  const uplink = await opened({ packetBytesMax: '1MB' }, device, broker.port, lines)
  const refused = await uplink.send(withSlices(part(filled())), positionOf(1, stream, 5), NEVER)
  expect(refused).toEqual([1, 3].map((sequence) => ({ stream: streamKey(stream), sequence, code: 'record-too-large' })))
  await until('the others are heard', () => hears.heard.length === 3)
  expect(hears.heard.map((it) => it.json['seq'])).toEqual([0, 2, 4])
  await until('what was refused is told', () => told.heard.length === 1)
  const readings = refused.map(({ sequence, ...it }) => ({ ...it, seq: sequence }))
  expect(told.heard[0]).toMatchObject({
    retain: false,
    json: { type: 'refused', device, site: 'plant-1', uplink: 'site', transaction: 1, readings },
  })
  expect(lines).toContainEqual({
    level: 'warn',
    code: 'record-too-large',
    text: expect.stringContaining('longer than the broker takes'),
  })
})

test('who is to end sends nothing new, waits for what is under way, and says what is acknowledged', async () => {
  const slow = await startMosquitto({ lines: ['allow_anonymous true', 'max_inflight_messages 5', 'max_queued_messages 100000'] })
  onTestFinished(() => slow.remove())
  const device = 'hf-ends'
  const stream = rawStream(device)
  const hears = await listening(`holdfast/${device}/#`, slow.port)
  const uplink = await opened({}, device, slow.port)
  const total = 20_000
  const ranges = [{ stream: streamKey(stream), from: 0, to: total }]
  const stop = new AbortController()
  const batch = { ...withSlices(part(doubles(stream, 0, total, 1))), ranges }
  const sent = uplink.send(batch, positionOf(1, stream, total), stop.signal).then(
    () => undefined,
    (error: Unreachable) => error,
  )
  await until('some of it is heard', () => hears.heard.length > 20)
  stop.abort()
  const error = await sent
  expect(error).toMatchObject({ name: 'Unreachable', code: 'aborted' })
  const to = error?.arrived?.ranges[0]?.to ?? 0
  expect(error?.arrived).toEqual({ ranges: [{ stream: streamKey(stream), from: 0, to }], refused: [] })
  expect(to).toBeLessThan(total)
  await until('what was acknowledged is heard', () => hears.heard.length >= to)
  await uplink.close()
  expect(hears.heard.map((it) => it.json['seq'])).toEqual(Array.from({ length: to }, (_, n) => n))
})

test('the largest packet and the most that may be under way are what the broker says', async () => {
  const small = await startMosquitto({ lines: ['allow_anonymous true', 'max_packet_size 2000', 'max_inflight_messages 3'] })
  onTestFinished(() => small.remove())
  const device = 'hf-limits'
  const stream = rawStream(device)
  const hears = await listening('holdfast/#', small.port)
  const uplink = await opened({}, device, small.port)
  const filled = sliceOf(stream, 0, (it) => {
    const id = it.series({ tag: 't', class: 'process', kind: 'string' })
    for (let n = 0; n < 200; n++) long(it, id, n === 100 ? 5_000 : 10)
  })
  const refused = await uplink.send(withSlices(part(filled)), positionOf(1, stream, 200), NEVER)
  expect(refused).toEqual([{ stream: streamKey(stream), sequence: 100, code: 'record-too-large' }])
  await until('the others are heard', () => hears.heard.length === 199)
  // Who has more under way than the broker takes is thrown out.
  expect(small.log()).not.toMatch(/receive maximum|quota/i)
})

test('a topic that the broker denies: one tag is refused and named, a class of which nothing gets in waits', async () => {
  const acl = ['topic write holdfast/hf-acl/process/allowed', 'topic read #', 'topic write holdfast/hf-acl/late/#', ''].join('\n')
  const guarded = await startMosquitto({ lines: ['allow_anonymous true', 'acl_file DIR/acl'], files: { acl } })
  onTestFinished(() => guarded.remove())
  const device = 'hf-acl'
  const hears = await listening('holdfast/#', guarded.port)
  const tags = (stream: ReturnType<typeof rawStream>, from: number, names: string[]) =>
    part(
      sliceOf(stream, from, (it) => {
        for (const tag of names) it.add(it.series({ tag, class: stream.class, kind: 'double' }), CLOCK.now(), 1)
      }),
    )
  const process = rawStream(device)
  const uplink = await opened({}, device, guarded.port)
  const refused = await uplink.send(
    withSlices(tags(process, 0, ['allowed', 'denied', 'allowed'])),
    positionOf(1, process, 3),
    NEVER,
  )
  expect(refused).toEqual([{ stream: streamKey(process), sequence: 2, code: 'publish-denied' }])
  await until('the others are heard', () => hears.heard.length === 2)
  expect(hears.heard.map((it) => it.topic)).toEqual(['holdfast/hf-acl/process/allowed', 'holdfast/hf-acl/process/allowed'])
  // Alone in its turn, and yet the class is known to get in.
  expect(await uplink.send(withSlices(tags(process, 3, ['denied'])), positionOf(2, process, 4), NEVER)).toHaveLength(1)
  const shut = rawStream(device, 'shut')
  const waits = uplink.send(withSlices(tags(shut, 0, ['a', 'b'])), positionOf(3, shut, 2), NEVER)
  await expect(waits).rejects.toBeInstanceOf(Blocked)
  await expect(waits).rejects.toMatchObject({
    code: 'publish-denied',
    classes: ['shut'],
    topics: ['holdfast/hf-acl/shut/a', 'holdfast/hf-acl/shut/b'],
    remedy: expect.stringContaining('access list'),
  })
})
