// The journal of commands: what is known, in which order it is done, when it is forgotten, and how answers get into the log.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { answersHandOver } from '../../src/cloud-commands/hand-over.ts'
import type { Journal } from '../../src/cloud-commands/journal.ts'
import { openJournal } from '../../src/cloud-commands/journal.ts'
import { parseCommand } from '../../src/cloud-commands/parse.ts'
import type { LogEvents } from '../../src/core/events.ts'

const DAY = 86_400_000_000
let dir: string
let journal: Journal
const damaged: Error[] = []

const reopen = () => (journal = openJournal(dir, (why) => damaged.push(why)))

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-journal-'))
  damaged.length = 0
  reopen()
})

afterEach(() => {
  journal.close()
  rmSync(dir, { recursive: true, force: true })
})

const push = (id: string, expires = 10 * DAY) =>
  parseCommand(JSON.stringify({ id, kind: 'push', expires, tag: 'a', value: 1 }), id, ['push'])
const place = (offset: number) => ({ cluster: 'c', partitions: { 0: offset } })
const take = (offset: number, ...found: ReturnType<typeof push>[]) =>
  journal.take('cloud', 't', place(offset), found, DAY, ({ id }) => [{ id }])
const end = (id: string) => journal.end(id, { result: 'done' }, DAY, [{ id }])

test('an id is known until it has been stale for a day; the place goes with what was taken', () => {
  take(2, push('a'), push('a'))
  take(3, push('a'), push('b'))
  journal.close()
  reopen()
  expect(journal.place('cloud', 't')).toEqual(place(3))
  expect(journal.place('cloud', 'other')).toBeUndefined()
  expect(journal.list(10).map((it) => it.id)).toEqual(['b', 'a'])
  end('a')
  journal.forget(10.9 * DAY, 0)
  expect(journal.list(10)).toHaveLength(2)
  journal.forget(11.1 * DAY, 0)
  // One that is not done is not forgotten.
  expect(journal.list(10).map((it) => it.id)).toEqual(['b'])
})

test('what was begun comes before what waits', () => {
  take(3, push('a'), push('b'), push('c'))
  journal.begin('b', DAY, { at: 5 }, 'tag')
  journal.close()
  reopen()
  expect(journal.next('push')).toMatchObject({ id: 'b', facts: { at: 5 }, body: { tag: 'a', value: 1 } })
  expect(journal.begunAt('tag')).toBe(DAY)
  end('b')
  expect(journal.next('push')).toMatchObject({ id: 'a' })
  expect(journal.next('push')).not.toHaveProperty('facts')
  expect(journal.next('write')).toBeUndefined()
})

test('one that is refused as it comes is done, and answered, in the same moment', () => {
  take(1, parseCommand('{}', 't/0@0', ['push']))
  expect(journal.list(1)).toMatchObject([{ id: 't/0@0', state: 'done', answer: { result: 'refused' } }])
  expect(journal.answersFrom(1, 10).events).toEqual([{ sequence: 0, text: '{"id":"t/0@0"}' }])
})

test('answers go into a log in their order, into another one anew, and under another name where the log has more than there is', async () => {
  take(3, push('a'), push('b'), push('c'))
  for (const id of ['a', 'b']) end(id)
  let taken: LogEvents[] = []
  let next = 0
  const offer = async (it: LogEvents) => {
    if (it.events.length > 0) {
      expect(it.from).toBe(next)
      taken.push(it)
      next = (it.events.at(-1)?.sequence ?? 0) + 1
    }
    return next
  }
  const round = answersHandOver({ journal, now: () => DAY, isTrusted: () => true, offer })
  await round()
  end('c')
  await round()
  await round()
  expect(taken.flatMap((it) => it.events.map((one) => one.sequence))).toEqual([0, 1, 2])
  taken = []
  next = 0
  await answersHandOver({ journal, now: () => DAY, isTrusted: () => true, offer })()
  expect(taken.flatMap((it) => it.events.map((one) => one.sequence))).toEqual([0, 1, 2])
  const before = journal.listId()
  expect(journal.wasSetBack(4)).toBe(false)
  expect(journal.listId()).toBe(before)
  expect(journal.wasSetBack(5)).toBe(true)
  expect(journal.listId()).not.toBe(before)
})

test('a log that takes nothing is not asked again at once', async () => {
  take(200, ...Array.from({ length: 150 }, (_, n) => push(`c${n}`)))
  for (let n = 0; n < 150; n++) end(`c${n}`)
  let isFull = true
  let next = 0
  const offer = async ({ events }: LogEvents) => (isFull ? next : (next = (events.at(-1)?.sequence ?? next - 1) + 1))
  const round = answersHandOver({ journal, now: () => DAY, isTrusted: () => true, offer })
  expect(await round()).toBe(false)
  isFull = false
  expect(await round()).toBe(true)
  expect(await round()).toBe(false)
  expect(next).toBe(150)
})

test('what names no end is forgotten after a day; no more is read while many bytes wait', () => {
  take(1, parseCommand('{"id":"rubbish"}', 't/0@0', ['push']))
  journal.forget(1.9 * DAY, 0)
  expect(journal.list(10)).toHaveLength(1)
  journal.forget(2.1 * DAY, 0)
  expect(journal.list(10)).toEqual([])
  const large = (id: string) => ({ id, kind: 'push', expires: 10 * DAY, body: { text: 'x'.repeat(11_000_000) } })
  take(3, large('a'), large('b'))
  expect(journal.isFull()).toBe(false)
  take(4, large('c'))
  expect(journal.isFull()).toBe(true)
  end('c')
  expect(journal.isFull()).toBe(false)
})

test('a file that is no database is put aside: nothing is known, and only what comes from now on is read', () => {
  take(1, push('a'))
  journal.close()
  writeFileSync(join(dir, 'commands', 'commands.db'), 'x'.repeat(8_192))
  reopen()
  expect(damaged).toHaveLength(1)
  expect(journal.place('cloud', 't')).toBeUndefined()
  expect(journal.list(10)).toEqual([])
})
