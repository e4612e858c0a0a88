// A notifier over a real log and a real receiver, with a clock by hand: what it tells, what it counts, and what the log keeps for it.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { FollowRead } from '../../src/core/follow.ts'
import type { NotifiedEvent, NotifySettings } from '../../src/core/notify.ts'
import { notifyTags } from '../../src/core/notify.ts'
import { ruleTag } from '../../src/core/rule.ts'
import { stateOf } from '../../src/notify/event.ts'
import { createNotifier } from '../../src/notify/notifier.ts'
import { openWebhook } from '../../src/notify/webhook.ts'
import type { OpenedLog } from '../log/helpers.ts'
import { classNamed, NEXT, openTestLog, tempDir } from '../log/helpers.ts'
import type { Receiver } from './receiver.ts'
import { startReceiver } from './receiver.ts'
import type { FollowedLog } from '../../src/log/follow.ts'
import { sleep } from '../../src/pipeline/keep-running.ts'
import { remembered, sumOf } from '../../src/notify/counts.ts'
import { notifyIssues } from '../../src/pipeline/notify-issues.ts'
import { notifyHost } from '../../src/workers/notify-host.ts'
import { until } from '../route/until.ts'

const HOUR_MS = 3_600_000
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const CLASSES = [classNamed('alarm', { commitEveryMs: 50 }), classNamed('process', { commitEveryMs: 50 })]

let temp: ReturnType<typeof tempDir>
let receiver: Receiver
let log: OpenedLog
let builder: BatchBuilder
let transaction = 0

beforeEach(async () => {
  temp = tempDir()
  receiver = await startReceiver()
  open()
})
afterEach(async () => {
  log.close()
  temp.remove()
  await receiver.close()
})

function open(): void {
  log = openTestLog(temp.dir, { classes: CLASSES, notifiers: [{ name: 'shift', classes: ['alarm'] }] })
  builder = new BatchBuilder(newOrigin(0))
  const { delivered, inDoubt } = log.writer.restart('kafka', transaction === 0 ? 'none' : { transaction, delivered: new Map() })
  log.keeper.restart('kafka', delivered, inDoubt)
}

const event = (n: number, tag: string) =>
  JSON.stringify({ rule: 'hot', device: 'box-1', tag, time: 0, value: n, quality: 'good' })

/** What an OPC UA alarm says of itself. */
function alarm(isActive: boolean): void {
  const series = builder.series({ tag: ruleTag('hot'), class: 'alarm', kind: 'string' })
  const said = { SourceNode: 'press', ConditionName: 'overheated', 'ActiveState/Id': isActive, Time: log.clock.now() }
  builder.addString(series, log.clock.now(), JSON.stringify(said))
  log.append(builder.take(log.clock.now()))
  log.clock.tick(400)
}

/** Events of a rule about a tag, and a reading of another class beside each. */
function raise(count: number, tag = 'press/temperature'): void {
  const series = builder.series({ tag: ruleTag('hot'), class: 'alarm', kind: 'string' })
  const other = builder.series({ tag: 'press/temperature', class: 'process', kind: 'double' })
  for (let n = 0; n < count; n++) {
    builder.addString(series, log.clock.now(), event(n, tag))
    builder.add(other, log.clock.now(), n)
  }
  log.append(builder.take(log.clock.now()))
  log.clock.tick(400)
}

/** An uplink has all of it, and what nobody keeps is gone. */
function deliver(): void {
  const ranges = (['live', 'backlog'] as const).flatMap((lane) => log.keeper.next({ ...NEXT, lane }).ranges)
  log.writer.offer('kafka', ranges, {})
  log.writer.commit('kafka', ranges, ++transaction, [])
  log.clock.tick(2_000)
}

/** Numbers of a class that an uplink has had and the log has no more. */
function goneOf(name: string): number {
  const { steps } = log.keeper.follow.read({ numbers: {}, class: name, form: ['raw'] })
  return steps.reduce((sum, it) => sum + (it.gap?.action === 'delivered' ? it.gap.count : 0), 0)
}

const openReceiver = async () => openWebhook({ url: `http://127.0.0.1:${receiver.port}/x`, insecure: 'a test' })

function settingsOf(more: Partial<NotifySettings> = {}): NotifySettings {
  return {
    name: 'shift',
    on: {},
    kind: 'webhook',
    settings: undefined,
    perHourMax: 100,
    repeatAfterMs: 0,
    staleAfterMs: HOUR_MS,
    language: 'en',
    ...more,
  }
}

function notifierOf(more: Partial<NotifySettings> = {}, openTarget = openReceiver) {
  const settings = settingsOf(more)
  const read = { tag: notifyTags(settings.on), class: ['alarm'], form: ['raw'] } satisfies Omit<FollowRead, 'numbers'>
  const over = { current: new AbortController() }
  const notifier = createNotifier({
    settings,
    device: 'box-1',
    site: 'hall',
    log: { saved: async (name) => log.writer.notify.saved(name), save: async (name, it) => log.writer.notify.save(name, it) },
    events: {
      reads: JSON.stringify(read),
      async begin(numbers) {
        log.writer.followed()
        return log.keeper.follow.begin(numbers === 'now' ? { at: 'now' } : { numbers }).numbers
      },
      read: async (numbers) => log.keeper.follow.read({ ...read, numbers }),
    },
    open: openTarget,
    now: () => log.clock.now(),
    // All is read: enough for this time.
    news: async () => over.current.abort(),
    logger: SILENT,
  })
  return {
    report: notifier.report,
    save: notifier.save,
    async test(): Promise<boolean[]> {
      const steps: boolean[] = []
      for await (const { ok } of notifier.test(new AbortController().signal)) steps.push(ok)
      return steps
    },
    /** Until all is read, or a message is not taken. */
    async once(): Promise<Error | undefined> {
      over.current = new AbortController()
      return notifier
        .run(() => {}, over.current.signal)
        .then(
          () => undefined,
          (error: Error) => error,
        )
    },
  }
}

const told = () =>
  receiver.got.map(({ message: { kind, event: it, held, repeats } }) => held?.count ?? [kind, it?.said?.['value'], repeats])

test('each event once, in its order; a new one begins with what comes; a restart goes on behind what was told', async () => {
  raise(3)
  const first = notifierOf()
  await first.once()
  expect(told()).toEqual([])
  raise(3)
  await first.once()
  expect(told()).toEqual([0, 1, 2].map((n) => ['event', n, undefined]))
  const [{ message, headers }] = receiver.got as [(typeof receiver.got)[number]]
  expect(message).toMatchObject({
    notifier: 'shift',
    device: 'box-1',
    site: 'hall',
    title: 'hall box-1: hot: press/temperature 0',
    event: { rule: 'hot', class: 'alarm', tag: 'rules/hot', quality: 'good' },
  })
  expect(message.id).toMatch(/^box-1:[0-9a-f]{32}:alarm:raw:3$/)
  expect(headers['idempotency-key']).toBe(message.id)
  raise(1)
  log.close()
  open()
  await notifierOf().once()
  expect(told()).toHaveLength(4)
  expect(receiver.got.at(-1)?.message.id).toMatch(/:6$/)
})

test('what an uplink has stays in the log until it was told, and goes then; other classes are not kept', async () => {
  const it = notifierOf()
  await it.once()
  receiver.answer(503)
  raise(2)
  expect(await it.once()).toMatchObject({ code: 'webhook-busy' })
  deliver()
  raise(1)
  expect([goneOf('process'), goneOf('alarm')]).toEqual([2, 0])
  log.close()
  open()
  receiver.answer(200)
  receiver.got.length = 0
  const again = notifierOf()
  await again.once()
  expect(told()).toEqual([0, 1, 0].map((n) => ['event', n, undefined]))
  deliver()
  raise(1)
  expect([goneOf('process'), goneOf('alarm')]).toEqual([3, 3])
  expect(again.report()).toMatchObject({ missed: 0 })
})

test('what is old when it can be told comes as one message, and what is fresh after it', async () => {
  const it = notifierOf({ staleAfterMs: 10 * 60_000 })
  await it.once()
  receiver.answer(500)
  raise(200)
  expect(await it.once()).toMatchObject({ code: 'webhook-busy' })
  expect(it.report()).toMatchObject({ state: 'waiting', failures: 1, sent: 0, code: 'webhook-busy' })
  log.clock.tick(3 * HOUR_MS)
  raise(2)
  receiver.answer(200)
  receiver.got.length = 0
  expect(await it.once()).toBeUndefined()
  expect(told()).toEqual([200, ['event', 0, undefined], ['event', 1, undefined]])
  expect(receiver.got[0]?.message.title).toBe('hall box-1: 200 events that could not be told in time')
  expect(it.report()).toMatchObject({ state: 'up', failures: 0, sent: 3, heldBack: 200, missed: 0 })
})

test('beyond its limit events are counted, over a restart too, and told in one message when the hour is over', async () => {
  await notifierOf({ perHourMax: 3 }).once()
  raise(10)
  await notifierOf({ perHourMax: 3 }).once()
  expect(told()).toHaveLength(3)
  log.clock.tick(20_000)
  log.close()
  open()
  // A clock by hand begins anew with the log: the hour is that of the first message.
  raise(5)
  const it = notifierOf({ perHourMax: 3, language: 'de' })
  await it.once()
  expect(told()).toHaveLength(3)
  log.clock.tick(HOUR_MS)
  raise(1)
  await it.once()
  expect(told().slice(3)).toEqual([12, ['event', 0, undefined]])
  expect(receiver.got[3]?.message.title).toBe('hall box-1: 12 weitere Ereignisse, zurückgehalten durch die Grenze')
  expect(it.report()).toMatchObject({ sent: 5, heldBack: 12 })
})

test('one that is to read something else begins with what comes from then on', async () => {
  await notifierOf().once()
  receiver.answer(503)
  raise(3)
  await notifierOf().once()
  receiver.answer(200)
  receiver.got.length = 0
  const it = notifierOf({ on: { rules: ['hot'] } })
  await it.once()
  raise(1)
  await it.once()
  expect(told()).toEqual([['event', 0, undefined]])
})

test('the same is told again after its time, with how often it came; another tag is not the same', async () => {
  const it = notifierOf({ repeatAfterMs: 10 * 60_000 })
  await it.once()
  raise(5)
  raise(2, 'press/pressure')
  await it.once()
  log.clock.tick(11 * 60_000)
  raise(1)
  await it.once()
  expect(told()).toEqual([['event', 0, undefined], ['event', 0, undefined], ['event', 0, 4], 1])
  expect(receiver.got[2]?.message.text).toContain('It came 4 more times since it was told last.')
})

test('repeats are told when their quiet time is over though nothing more comes, over a restart too, all in one message; then it begins anew', async () => {
  const quiet = { repeatAfterMs: 10 * 60_000 }
  const first = notifierOf(quiet)
  await first.once()
  raise(5)
  raise(3, 'press/pressure')
  await first.once()
  expect(told()).toHaveLength(2)
  raise(1)
  await first.once()
  await first.save()
  receiver.got.length = 0
  log.clock.tick(11 * 60_000)
  const it = notifierOf(quiet)
  await it.once()
  expect(told()).toEqual([7])
  const [{ message }] = receiver.got as [(typeof receiver.got)[number]]
  expect(message).toMatchObject({ kind: 'repeated', title: 'hall box-1: 7 events came again' })
  expect(message.text).toContain('5× hot: press/temperature 0\n2× hot: press/pressure 2\n')
  raise(1)
  await it.once()
  await it.once()
  expect(told()).toEqual([7])
  log.clock.tick(11 * 60_000)
  await it.once()
  expect(told()).toEqual([7, 1])
  expect(receiver.got[1]?.message.title).toBe('hall box-1: 1 event came again: hot: press/temperature 0')
  log.clock.tick(HOUR_MS)
  await it.once()
  expect(told()).toHaveLength(2)
  expect(it.report()).toMatchObject({ sent: 4, heldBack: 8 })
})

test('repeats that are beyond the limit wait for its hour', async () => {
  const it = notifierOf({ repeatAfterMs: 60_000, perHourMax: 1 })
  await it.once()
  raise(3)
  await it.once()
  log.clock.tick(2 * 60_000)
  await it.once()
  expect(told()).toEqual([['event', 0, undefined]])
  log.clock.tick(HOUR_MS)
  await it.once()
  expect(told().slice(1)).toEqual([2])
})

test('an alarm that goes, and comes back, is told at once, however soon', async () => {
  const it = notifierOf({ repeatAfterMs: HOUR_MS })
  await it.once()
  for (const isActive of [true, true, false, true, true]) alarm(isActive)
  await it.once()
  expect(receiver.got.map(({ message }) => [message.event?.said?.['ActiveState/Id'], message.repeats])).toEqual([
    [true, undefined],
    [false, 1],
    [true, undefined],
  ])
})

test('a number that was measured is no state, of 64 bits or not; a text and yes or no are', async () => {
  const it = notifierOf({ on: { tags: ['line/*'] }, repeatAfterMs: HOUR_MS })
  await it.once()
  const series = (kind: 'double' | 'long' | 'string' | 'bool') => builder.series({ tag: `line/${kind}`, class: 'alarm', kind })
  const [double, long, text, yes] = [series('double'), series('long'), series('string'), series('bool')]
  for (const n of [1, 2, Number.NaN]) builder.add(double, log.clock.now(), n)
  for (const n of [1n, 2n ** 60n, 2n ** 61n]) builder.addLong(long, log.clock.now(), n)
  for (const it of ['runs', 'runs', 'stands']) builder.addString(text, log.clock.now(), it)
  for (const it of [0, 0, 1]) builder.add(yes, log.clock.now(), it)
  log.append(builder.take(log.clock.now()))
  log.clock.tick(400)
  await it.once()
  const told = receiver.got.map(({ message: { event } }) => [event?.tag, event?.value])
  expect(told.toSorted()).toEqual([
    ['line/bool', false],
    ['line/bool', true],
    ['line/double', 1],
    ['line/long', 1],
    ['line/string', 'runs'],
    ['line/string', 'stands'],
  ])
  expect(it.report().heldBack).toBe(6)
  // An integer of 64 bits is a text in a rule's event.
  const said = (value: unknown) => stateOf({ event: { said: { value } } as unknown as NotifiedEvent, isNumber: false })
  expect([said('4611686018427387904'), said(7)]).toEqual([undefined, undefined])
  expect(said('4711')).not.toBe(said('4712'))
})

test('a test while it is being opened has the same target', async () => {
  let opened = 0
  const it = notifierOf({}, async () => {
    opened++
    await sleep(20, new AbortController().signal)
    return openReceiver()
  })
  const [, steps] = await Promise.all([it.once(), it.test()])
  expect([opened, steps.includes(false)]).toEqual([1, false])
})

test('of more kinds than it can remember none goes untold: what it forgets is summed up with what is beyond the limit', () => {
  const last = { title: 'hot', from: 5, to: 9 }
  const told = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`kind ${n}`, { at: n, count: n % 2, last }]))
  const { told: kept, forgotten } = remembered(told, 'new', { at: 300, count: 0 }, HOUR_MS)
  expect(Object.keys(kept)).toHaveLength(256)
  expect(kept).toHaveProperty('new')
  expect(sumOf(forgotten, { count: 3, from: 7, to: 12 })).toEqual({ count: 3 + 22, from: 5, to: 12 })
  // Told anew each time: nothing is remembered but what is still to be told.
  expect(Object.keys(remembered({ a: { at: 0, count: 2 }, b: { at: 0, count: 0 } }, 'new', { at: 1, count: 0 }, 0).told)).toEqual(
    ['a'],
  )
})

test('one that cannot be opened says so before there is anything to tell, and is opened again', async () => {
  let tries = 0
  const it = notifierOf({}, async () => {
    if (++tries < 3) throw new Error('no such authority')
    return openReceiver()
  })
  expect(await it.once()).toMatchObject({ code: 'notify-not-opened' })
  expect(await it.once()).toMatchObject({ message: 'it cannot be opened: no such authority' })
  expect(it.report()).toMatchObject({ state: 'waiting', failures: 2, code: 'notify-not-opened' })
  await it.once()
  raise(1)
  await it.once()
  expect([tries, it.report().state, told().length]).toEqual([3, 'up', 1])
})

test('in their thread one that cannot be opened keeps no other from telling', async () => {
  const url = `http://127.0.0.1:${receiver.port}/x`
  const notifiers = [
    { ...settingsOf({ name: 'pigeon', kind: 'pigeon' }), reads: ['alarm'] },
    { ...settingsOf({ staleAfterMs: 1e12, settings: { url, insecure: 'a test' } }), reads: ['alarm'] },
  ]
  const follow: FollowedLog = {
    begin: async (from) => {
      log.writer.followed()
      return log.keeper.follow.begin(from)
    },
    read: async (request) => log.keeper.follow.read(request),
    more: (_, signal) => sleep(50, signal),
  }
  const kept = { saved: async (name: string) => log.writer.notify.saved(name), save: async () => true }
  const host = notifyHost({ notifiers, device: 'box-1', site: 'hall' }, follow, kept, SILENT)
  try {
    const reports = await until('both have begun', async () => {
      const now = await host.report()
      return now.every((it) => it.state !== 'starting') ? now : undefined
    })
    expect(reports.map((it) => [it.name, it.state, it.code])).toEqual([
      ['pigeon', 'waiting', 'notify-not-opened'],
      ['shift', 'up', undefined],
    ])
    raise(1)
    await until('it is told', () => receiver.got.length > 0, 30_000)
    expect(told()).toEqual([['event', 0, undefined]])
  } finally {
    await host.stop()
  }
})

test('readings that went before it had read them are an issue for a day', () => {
  const at = Date.UTC(2026, 2, 1) * 1000
  const report = { ...notifierOf().report(), missed: 7 }
  const codes = (lastMissed: number | null, now: number) => notifyIssues([{ ...report, lastMissed }], now).map((it) => it.code)
  expect(codes(at, at + 23 * 3_600e6)).toEqual(['notify-missed'])
  expect(codes(at, at + 25 * 3_600e6)).toEqual([])
  expect(codes(null, at)).toEqual([])
})

test('redirects are not followed, what is refused says what to do', async () => {
  const it = notifierOf()
  await it.once()
  raise(1)
  receiver.answer(307, { location: `http://127.0.0.1:${receiver.port}/elsewhere` })
  expect(await it.once()).toMatchObject({ code: 'webhook-redirect' })
  receiver.answer(401, {}, 'no such token'.padEnd(5_000, '.'))
  expect(await it.once()).toMatchObject({ code: 'webhook-denied', message: expect.stringContaining('no such token') as string })
  receiver.answer(404)
  expect(await it.once()).toMatchObject({ code: 'webhook-refused' })
  expect(new Set(receiver.got.map(({ path }) => path))).toEqual(new Set(['/x']))
  expect(new Set(receiver.got.map(({ message }) => message.id)).size).toBe(1)
})
