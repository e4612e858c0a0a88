// Streams of another box in this log: two real logs, and what the uplink of the one hands to the other.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeBlock, sequenceAt } from '../../src/columns/index.ts'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { BoxTransaction } from '../../src/core/boxes.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { withInterval } from '../../src/core/intervals.ts'
import type { Slice, Taken } from '../../src/core/log.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { classNamed, counterSource, decoded, NEXT, noise, openTestLog, slicesOf, T0, tempDir } from './helpers.ts'

const LOWER = 'box-1'
const POST = 'post-1'
let lowerDir: ReturnType<typeof tempDir>
let postDir: ReturnType<typeof tempDir>
let lower: OpenedLog
let post: OpenedLog
let transaction: number
let delivered: Map<string, Intervals>

beforeEach(() => {
  lowerDir = tempDir()
  postDir = tempDir()
  transaction = 0
  delivered = new Map()
})
afterEach(() => {
  for (const it of [lower, post]) it.close()
  for (const it of [lowerDir, postDir]) it.remove()
})

function open(lowerOptions: TestOptions = {}, postOptions: TestOptions = {}): void {
  lower = openTestLog(lowerDir.dir, { uplinks: ['post'], ...lowerOptions })
  restart(lower, 'post')
  openPost(postOptions)
}

function openPost(options: TestOptions = {}): void {
  post = openTestLog(postDir.dir, { device: POST, ...options })
  restart(post, 'kafka')
}

function restart(log: OpenedLog, uplink: string): void {
  const resumed = log.writer.restart(uplink, 'none')
  log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
}

/** Until the keeper has made the room that they wait for. */
function append(log: OpenedLog, ...batches: Parameters<OpenedLog['append']>): void {
  const id = log.append(...batches)
  for (let round = 0; round < 60 && !log.acked.includes(id); round++) {
    log.clock.tick(1_000)
    log.work()
  }
  expect(log.acked).toContain(id)
}

/** The next transaction of the lower box, and what it would do with the answer. */
function nextOfLower(): BoxTransaction {
  while (lower.writer.publish() > 0);
  const request = { ...NEXT, uplink: 'post', isInOrder: true }
  const [live, backlog] = [lower.keeper.next({ ...request, lane: 'live' }), lower.keeper.next({ ...request, lane: 'backlog' })]
  const ranges = [...live.ranges, ...backlog.ranges]
  for (const { stream, from, to } of ranges) delivered.set(stream, withInterval(delivered.get(stream) ?? [], from, to))
  const slices = [...live.slices, ...backlog.slices]
  const series = [...new Map([...live.series, ...backlog.series]).values()]
  const elsewhere = [...(live.elsewhere ?? []), ...(backlog.elsewhere ?? [])]
  return { device: LOWER, transaction: ++transaction, delivered: new Map(delivered), ranges, elsewhere, slices, series }
}

function move(): BoxTransaction {
  const sent = nextOfLower()
  expect(post.writer.others.take(sent)).toEqual({ kind: 'stored', rolledBack: 0 })
  lower.writer.commit('post', sent.ranges, sent.transaction, [])
  lower.clock.tick(2_000)
  return sent
}

/** Both lanes of the post's own uplink. */
function nextOfPost(more: Partial<typeof NEXT> = {}): Taken {
  const request = { ...NEXT, ...more }
  const [live, backlog] = [post.keeper.next({ ...request, lane: 'live' }), post.keeper.next({ ...request, lane: 'backlog' })]
  return {
    slices: [...live.slices, ...backlog.slices],
    ranges: [...live.ranges, ...backlog.ranges],
    series: new Map([...live.series, ...backlog.series]),
  }
}

/** By stream, every sequence and value that the post hands to its own uplink. */
function valuesAtPost(): Map<string, [number, number][]> {
  const found = new Map<string, [number, number][]>()
  for (;;) {
    const taken = nextOfPost()
    if (taken.ranges.length === 0) return found
    for (const slice of slicesOf(taken)) {
      const block = decodeBlock(slice.block)
      const rows = Array.from({ length: block.count }, (_, i): [number, number] => [
        sequenceAt(block, i),
        block.value[i] as number,
      ])
      const { device, epoch, class: name, form } = slice.stream
      const key = `${device}:${epoch}:${name}:${form}`
      const inside = rows.filter(([sequence]) => sequence >= slice.from && sequence < slice.to)
      found.set(
        key,
        [...(found.get(key) ?? []), ...inside].toSorted((a, b) => a[0] - b[0]),
      )
    }
  }
}

function rowsOf<T>(dir: string, sql: string): T[] {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    return db.prepare(sql).all() as T[]
  } finally {
    db.close()
  }
}

const epochOf = (log: OpenedLog) => log.writer.figures().epoch
const rawKey = () => `${LOWER}:${epochOf(lower)}:process:raw`
const formsOf = (slices: readonly Slice[]) => [...new Set(slices.map((it) => it.form))].toSorted()

test('numbers, values and series come through, beside streams of the post itself; sealing changes no number', () => {
  open()
  const [mine, own] = [counterSource(), counterSource()]
  append(post, own.batch(5))
  append(lower, mine.batch(10))
  move()
  append(lower, mine.batch(7))
  move()
  post.work(true)
  const found = valuesAtPost()
  expect(found.get(rawKey())).toEqual(Array.from({ length: 17 }, (_, n) => [n, n]))
  expect(found.get(`${POST}:${epochOf(post)}:process:raw`)).toEqual(Array.from({ length: 5 }, (_, n) => [n, n]))
  expect(rowsOf(postDir.dir, 'SELECT device, tag FROM series ORDER BY device')).toEqual([
    { device: LOWER, tag: 'process/counter' },
    { device: POST, tag: 'process/counter' },
  ])
  expect(post.writer.figures().classes[0]).toMatchObject({ accepted: 22, stored: 22 })
})

test('several series and texts in one block, whose numbers here are others than there', () => {
  open()
  const other = new BatchBuilder(newOrigin(0))
  other.addString(other.series({ tag: 'text', class: 'process', kind: 'string' }), T0, 'of the post')
  append(post, other.take(T0))
  const builder = new BatchBuilder(newOrigin(0))
  const [number, text] = [
    builder.series({ tag: 'number', class: 'process', kind: 'double' }),
    builder.series({ tag: 'text', class: 'process', kind: 'string' }),
  ]
  for (let n = 0; n < 20; n++) {
    builder.add(number, T0 + n, n / 4)
    builder.addString(text, T0 + n, `text ${n}`)
  }
  append(lower, builder.take(T0))
  move()
  const taken = nextOfPost()
  const slice = taken.slices.find((it) => it.form === 'raw' && it.stream.device === LOWER)
  const block = decodeBlock((slice as Extract<Slice, { form: 'raw' }>).block)
  const tags = [...block.seriesIds].map((id) => taken.series.get(id)?.tag)
  expect(tags.toSorted()).toEqual(['number', 'text'])
  const words = new Uint32Array(block.value.buffer)
  const at = block.seriesIds.findIndex((id) => taken.series.get(id)?.tag === 'text') === 0 ? 0 : 20
  const texts = Array.from({ length: 20 }, (_, n) => {
    const i = (at + n) * 2
    return Buffer.from(block.bytes.subarray(words[i], (words[i] as number) + (words[i + 1] as number))).toString()
  })
  expect(texts).toEqual(Array.from({ length: 20 }, (_, n) => `text ${n}`))
})

test('lines of the ledger, aggregates and events go up under the lower box numbers', { timeout: 60_000 }, () => {
  const ladder = [{ filledTo: 0.01, keep: { windowMs: 10_000 } }]
  open({ bytesMax: 32_000_000, classes: [classNamed('process', { ladder })] }, { bytesMax: 200_000_000 })
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'noise', class: 'process', kind: 'bytes' })
  const random = noise(7)
  for (let round = 0; lower.writer.figures().classes[0]?.aggregated === 0; round++) {
    expect(round).toBeLessThan(200)
    for (let n = 0; n < 100; n++) builder.addBytes(series, T0, random(4_000))
    append(lower, builder.take(T0))
  }
  lower.writer.takeEvents({ list: 'e'.repeat(32), from: 0, events: [{ sequence: 0, text: '{"what":"log-in"}' }] })
  const forms = new Set<string>()
  const standsFor: number[] = []
  for (let sent = move(); sent.ranges.length > 0; sent = move())
    for (const it of sent.slices) {
      forms.add(it.form)
      if (it.form !== 'aggregate') continue
      const { good } = decodeAggregates(it.block)
      standsFor.push(good.reduce((sum, n) => sum + n, 0))
    }
  expect([...forms].toSorted()).toEqual(['aggregate', 'event', 'gap', 'raw'])
  const [below] = lower.writer.figures().classes
  const [above] = post.writer.figures().classes
  expect(below).toMatchObject({ stored: 0 })
  expect(above).toMatchObject({ stored: below?.delivered, aggregated: below?.aggregated, lost: {} })
  expect(standsFor.reduce((sum, n) => sum + n, 0)).toBe(below?.aggregated)
  const epoch = epochOf(lower)
  const lines =
    'SELECT s.device, g.device AS gap, l.sequence, l.first, l."end", l.count, l.action FROM ledger l JOIN stream s ON s.id = l.stream JOIN stream g ON g.id = l.gap_stream ORDER BY l.sequence'
  expect(rowsOf(postDir.dir, lines)).toEqual(rowsOf(lowerDir.dir, lines))
  const up = nextOfPost({ readingsMax: 1_000_000, bytesMax: 1e9 })
  expect(formsOf(up.slices)).toEqual(['aggregate', 'event', 'gap', 'raw'])
  for (const it of up.slices)
    expect(it.stream).toMatchObject({ device: LOWER, epoch: it.form === 'event' ? 'e'.repeat(32) : epoch })
})

test('lines that have become one on the lower box go up as one, and on from there with the places of all of them', () => {
  open()
  const builder = new BatchBuilder(newOrigin(0))
  for (let n = 0; n < 6; n++) {
    builder.refuse('process', 'unreadable', T0, 2)
    append(lower, builder.take(T0))
    lower.writer.publish()
  }
  lower.work(true)
  const [slice] = move().slices
  expect(slice).toMatchObject({ form: 'gap', from: 0, to: 6, rows: [{ sequence: 5, from: 0, to: 12, count: 12 }] })
  builder.refuse('process', 'unreadable', T0, 2)
  append(lower, builder.take(T0))
  move()
  // Nobody above has been told yet.
  post.work(true)
  expect(nextOfPost().slices).toMatchObject([
    { form: 'gap', from: 0, to: 7, rows: [{ sequence: 6, from: 0, to: 14, count: 14 }] },
  ])
})

test('what the post gives up of it is dropped and named in its own gap stream, whatever its ladder says', {
  timeout: 60_000,
}, () => {
  const ladder = [{ filledTo: 0.01, keep: { windowMs: 10_000 } }]
  open({ bytesMax: 200_000_000 }, { bytesMax: 28_000_000, classes: [classNamed('process', { ladder })] })
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'noise', class: 'process', kind: 'bytes' })
  const random = noise(9)
  for (let round = 0; round < 24; round++) {
    for (let n = 0; n < 250; n++) builder.addBytes(series, T0, random(4_000))
    append(lower, builder.take(T0))
    const sent = nextOfLower()
    let outcome = post.writer.others.take(sent)
    for (let tries = 0; outcome.kind === 'full' && tries < 50; tries++) {
      post.work()
      post.clock.tick(1_000)
      outcome = post.writer.others.take(sent)
    }
    expect(outcome.kind).toBe('stored')
    lower.writer.commit('post', sent.ranges, sent.transaction, [])
    lower.clock.tick(2_000)
  }
  while (post.writer.publish() > 0);
  const account = post.writer.figures().classes[0]
  expect(account).toMatchObject({ accepted: 6_000, aggregated: 0, delivered: 0 })
  const lost = Object.values(account?.lost ?? {}).reduce((sum, n) => sum + n, 0)
  expect(lost).toBeGreaterThan(100)
  expect((account?.stored ?? 0) + lost).toBe(6_000)
  const lines = rowsOf<{ of: string; gap: string; action: string; count: number }>(
    postDir.dir,
    'SELECT s.device AS "of", g.device AS gap, l.action, l.count FROM ledger l JOIN stream s ON s.id = l.stream JOIN stream g ON g.id = l.gap_stream',
  )
  expect(lines.reduce((sum, it) => sum + it.count, 0)).toBe(lost)
  for (const it of lines) expect(it).toMatchObject({ of: LOWER, gap: POST, action: 'dropped' })
})

test('what contradicts the log is refused, and changes nothing', () => {
  open()
  const source = counterSource()
  append(lower, source.batch(10))
  const first = move()
  const before = JSON.stringify(post.writer.others.position(LOWER), (_, it: unknown) => (it instanceof Map ? [...it] : it))
  append(lower, source.batch(5))
  const sent = nextOfLower()
  const [range] = sent.ranges as [BoxTransaction['ranges'][number]]
  const slice = sent.slices[0] as Extract<Slice, { form: 'raw' }>
  const wrong: [string, Partial<BoxTransaction>, RegExp][] = [
    ['an old number', { transaction: 1 }, /transaction 1 comes after 1/],
    ['a range that is here', { ranges: [...sent.ranges, ...first.ranges] }, /is here already/],
    ['a stream of the post', { ranges: [{ ...range, stream: `${POST}:${epochOf(post)}:process:raw` }] }, /a stream of this box/],
    ['a slice outside', { ranges: [{ ...range, from: range.from + 1 }] }, /lies outside of what it brings/],
    ['a slice twice', { slices: [slice, slice] }, /comes twice/],
    ['series that nobody described', { series: [] }, /described nowhere/],
    [
      'a block that was changed',
      { slices: [{ ...slice, block: slice.block.map((it, n) => (n === slice.block.length - 2 ? it ^ 1 : it)) }] },
      /cannot be read/,
    ],
  ]
  for (const [what, change, text] of wrong) expect(() => post.writer.others.take({ ...sent, ...change }), what).toThrow(text)
  expect(
    post.writer.others.take({
      ...sent,
      ranges: [{ stream: `${LOWER}:${epochOf(lower)}:other:raw`, from: 0, to: 1 }],
      slices: [],
    }),
  ).toEqual({
    kind: 'class-unknown',
    classes: ['other'],
  })
  expect(JSON.stringify(post.writer.others.position(LOWER), (_, it: unknown) => (it instanceof Map ? [...it] : it))).toBe(before)
  expect(post.writer.figures().classes[0]).toMatchObject({ accepted: 10, stored: 10 })
  expect(post.writer.others.take(sent)).toMatchObject({ kind: 'stored' })
  expect(decoded(nextOfPost()).reduce((sum, it) => sum + it.count, 0)).toBe(15)
})

test('position and readings are there after a kill; delivered, they go, and the stream ends with the box that no longer speaks of it', () => {
  open()
  const source = counterSource()
  append(lower, source.batch(10))
  move()
  post.abandon()
  openPost()
  expect(post.writer.others.position(LOWER)).toMatchObject({
    transaction: 1,
    delivered: new Map([[rawKey(), [{ from: 0, to: 10 }]]]),
  })
  const taken = nextOfPost()
  expect(taken.ranges).toEqual([{ stream: rawKey(), from: 0, to: 10 }])
  post.writer.commit('kafka', taken.ranges, 1, [])
  post.clock.tick(2_000)
  restart(post, 'kafka')
  post.clock.tick(2_000)
  expect(post.writer.figures().classes[0]).toMatchObject({ accepted: 10, delivered: 10, stored: 0 })
  expect(rowsOf(postDir.dir, 'SELECT stream FROM ended')).toEqual([])
  append(lower, source.batch(5))
  move()
  const rest = nextOfPost()
  expect(rest.ranges).toEqual([{ stream: rawKey(), from: 10, to: 15 }])
  // The lower box has ended the stream: it names it no more.
  expect(
    post.writer.others.take({
      device: LOWER,
      transaction: 3,
      delivered: new Map(),
      ranges: [],
      elsewhere: [],
      slices: [],
      series: [],
    }),
  ).toEqual({
    kind: 'stored',
    rolledBack: 0,
  })
  expect(rowsOf(postDir.dir, 'SELECT stream FROM ended')).toEqual([])
  post.writer.commit('kafka', rest.ranges, 2, [])
  post.clock.tick(2_000)
  restart(post, 'kafka')
  post.clock.tick(2_000)
  expect(rowsOf(postDir.dir, 'SELECT stream FROM ended')).toHaveLength(1)
})

test('a post that was put back names what it has lost, but not what its uplink has got', () => {
  open()
  const source = counterSource()
  append(lower, source.batch(10))
  move()
  post.close()
  const copy = `${postDir.dir}-copy`
  cpSync(postDir.dir, copy, { recursive: true })
  openPost()
  append(lower, source.batch(20))
  move()
  const had = { transaction: 1, delivered: new Map([[rawKey(), [{ from: 0, to: 15 }]]]) }
  post.close()
  rmSync(postDir.dir, { recursive: true })
  cpSync(copy, postDir.dir, { recursive: true })
  rmSync(copy, { recursive: true })
  post = openTestLog(postDir.dir, { device: POST })
  const resumed = post.writer.restart('kafka', had)
  post.keeper.restart('kafka', resumed.delivered, resumed.inDoubt)
  expect(post.writer.others.position(LOWER)).toMatchObject({ transaction: 1 })
  append(lower, source.batch(3))
  const sent = nextOfLower()
  expect(post.writer.others.take(sent)).toEqual({ kind: 'stored', rolledBack: 15 })
  while (post.writer.publish() > 0);
  expect(rowsOf(postDir.dir, 'SELECT first, "end", action, reason FROM ledger')).toEqual([
    { first: 15, end: 30, action: 'damaged', reason: 'rolled-back' },
  ])
  expect(valuesAtPost().get(rawKey())).toEqual([30, 31, 32].map((n) => [n, n]))
  const next = nextOfLower()
  expect(post.writer.others.take(next)).toEqual({ kind: 'stored', rolledBack: 0 })
})

test('a post that begins anew takes nothing that its uplink has already', () => {
  open()
  const source = counterSource()
  append(lower, source.batch(10))
  const had = { transaction: 7, delivered: new Map([[rawKey(), [{ from: 0, to: 6 }]]]) }
  const resumed = post.writer.restart('kafka', had)
  post.keeper.restart('kafka', resumed.delivered, resumed.inDoubt)
  move()
  expect(valuesAtPost().get(rawKey())).toEqual([6, 7, 8, 9].map((n) => [n, n]))
  expect(post.writer.figures().classes[0]).toMatchObject({ accepted: 10, delivered: 6, stored: 4 })
})

test('a box that had another post before: what it sent there is not named here', () => {
  open()
  const source = counterSource()
  append(lower, source.batch(10))
  const old = nextOfLower()
  lower.writer.commit('post', old.ranges, old.transaction, [])
  lower.clock.tick(2_000)
  for (const count of [5, 3]) {
    append(lower, source.batch(count))
    move()
  }
  while (post.writer.publish() > 0);
  expect(rowsOf(postDir.dir, 'SELECT first FROM ledger')).toEqual([])
  expect(valuesAtPost().get(rawKey())).toEqual(Array.from({ length: 8 }, (_, n) => [n + 10, n + 10]))
})

test('what another uplink of the lower box has is named as elsewhere by the post', () => {
  open()
  append(lower, counterSource().batch(10))
  const sent = nextOfLower()
  const [range] = sent.ranges as [BoxTransaction['ranges'][number]]
  expect(post.writer.others.take({ ...sent, slices: [], elsewhere: [range] })).toEqual({ kind: 'stored', rolledBack: 0 })
  while (post.writer.publish() > 0);
  expect(rowsOf(postDir.dir, 'SELECT first, "end", count, action, reason FROM ledger')).toEqual([
    { first: 0, end: 10, count: 10, action: 'elsewhere', reason: 'another-uplink' },
  ])
  expect(post.writer.figures().classes[0]).toMatchObject({ accepted: 0, lost: {} })
})
