// Which message it is that a broker cuts the connection for: a broker of a few lines that does so, and takes as many at a time as it is given.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { streamKey } from '../../../src/core/stream.ts'
import { arrivedOf } from '../../../src/uplinks/mqtt/arrived.ts'
import type { Message } from '../../../src/uplinks/mqtt/messages.ts'
import { suspicionOf } from '../../../src/uplinks/mqtt/suspicion.ts'
import { rawStream } from '../kafka/slices.ts'

const WINDOW = 20
const stream = rawStream('hf-1', 'process')
const messageAt = (sequence: number, more: Partial<Message> = {}): Message => ({
  topic: 't',
  payload: Buffer.alloc(0),
  stream,
  sequence,
  ...more,
})
const messages = (count: number) => Array.from({ length: count }, (_, n) => messageAt(n))

function cacheDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-suspicion-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

interface Sent {
  /** How many went alone, connection by connection; what is there is never sent twice. */
  readonly alone: readonly number[]
  readonly together: readonly number[]
  readonly refused: readonly number[]
}

/** Sends until all is through; each connection is one uplink's life, which knows only what is on disk. */
function sendAll(count: number, bad: ReadonlySet<number>): Sent {
  const dir = cacheDir()
  const open = new Set(messages(count))
  const refused: number[] = []
  const [alone, together]: [number[], number[]] = [[], []]
  for (let lives = 0; ; lives++) {
    expect(lives).toBeLessThan(100)
    const suspicion = suspicionOf({ name: 'site', cacheDir: dir })
    alone.push(0)
    together.push(0)
    const portions = suspicion.portions([...open], WINDOW)
    for (const it of open)
      if (suspicion.isRefused(it)) {
        open.delete(it)
        refused.push(it.sequence)
      }
    const isCut = portions.some(({ messages: all, isAlone }) => {
      const portion = all.filter((it) => open.has(it))
      const batches = isAlone ? portion.map((it) => [it]) : [portion]
      return batches.some((batch) => {
        const at = batch.findIndex((it) => bad.has(it.sequence))
        const answered = at < 0 ? batch : batch.slice(0, Math.max(0, at - WINDOW))
        for (const it of answered) open.delete(it)
        const list = isAlone ? alone : together
        list.push((list.pop() ?? 0) + answered.length)
        if (at >= 0) suspicion.cut(batch[answered.length] as Message, isAlone)
        return at >= 0
      })
    })
    if (isCut) continue
    suspicion.clear()
    expect(suspicionOf({ name: 'site', cacheDir: dir }).portions(messages(1), WINDOW)).toEqual([
      { messages: messages(1), isAlone: false },
    ])
    return { alone, together, refused }
  }
}

test('one bad message is found one at a time, and all others go together again', () => {
  const { alone, together, refused } = sendAll(500, new Set([100]))
  expect(refused).toEqual([100])
  // Up to a window before it; that window, alone, and again what is left of it when it is met twice; then what comes behind.
  expect(together.slice(0, 2)).toEqual([80, 0])
  expect(alone.slice(0, 3)).toEqual([0, 20, 0])
  expect(alone.reduce((sum, it) => sum + it, 0)).toBeLessThanOrEqual(2 * WINDOW)
  expect(together.reduce((sum, it) => sum + it, 0) + alone.reduce((sum, it) => sum + it, 0)).toBe(499)
})

test.each([
  ['side by side', [100, 101, 102]],
  ['in one window', [100, 110]],
  ['far from each other', [3, 200, 490]],
])('several bad messages, %s: each is found, none makes another forgotten', (_, bad) => {
  expect(sendAll(500, new Set(bad)).refused).toEqual(bad)
})

test('one that was refused stays so while another is looked for, until a transaction went through', () => {
  const name = { name: 'site', cacheDir: cacheDir() }
  const suspicion = suspicionOf(name)
  const [first, second] = [messageAt(3), messageAt(4)]
  for (const it of [first, first, second]) suspicion.cut(it, true)
  for (const of of [suspicion, suspicionOf(name)]) expect([first, second].map(of.isRefused)).toEqual([true, false])
  suspicion.cut(second, true)
  expect([first, second].map(suspicionOf(name).isRefused)).toEqual([true, true])
  suspicion.clear()
  expect([first, second].map(suspicionOf(name).isRefused)).toEqual([false, false])
})

test('what was under way goes alone where it comes in another order, and before it was only what had its answer', () => {
  const suspicion = suspicionOf({ name: 'site', cacheDir: cacheDir() })
  suspicion.cut(messageAt(50), false)
  const [before, alone, behind] = suspicion.portions(messages(100), WINDOW)
  expect([before, alone, behind].map((it) => [it?.isAlone, it?.messages[0]?.sequence])).toEqual([
    [false, 0],
    [true, 50],
    [false, 70],
  ])
  expect(suspicion.portions(messages(10), WINDOW)).toEqual([{ messages: messages(10), isAlone: true }])
})

test('of a transaction that broke off, what lies before the first message without an answer is there', () => {
  const own = streamKey(stream)
  const gap = { ...stream, form: 'gap' as const }
  const other = 'hf-1:e:other:raw'
  const ranges = [
    { stream: own, from: 10, to: 20 },
    { stream: own, from: 40, to: 50 },
    { stream: other, from: 0, to: 5 },
    { stream: 'hf-1:e:nothing:raw', from: 0, to: 3 },
  ]
  const [a, hole, tooLong, denied, late] = [10, 14, 16, 18, 40].map((it) => messageAt(it)) as [
    Message,
    Message,
    Message,
    Message,
    Message,
  ]
  const told = messageAt(0, { stream: gap, about: other })
  const all = [a, hole, tooLong, denied, late, told]
  const reasons = new Map([
    [a, 0],
    [hole, 16],
    [tooLong, 149],
    [denied, 135],
  ])
  expect(arrivedOf(ranges, all, reasons)).toEqual({
    // A denied topic is judged with all of its class: not here. `late` and `told` have no answer.
    ranges: [{ stream: own, from: 10, to: 18 }, ranges[3]],
    refused: [{ stream: own, sequence: 16, code: 'record-too-large' }],
  })
  reasons.set(told, 0).set(late, 0)
  expect(arrivedOf(ranges, all, reasons).ranges.slice(1)).toEqual(ranges.slice(1))
})
