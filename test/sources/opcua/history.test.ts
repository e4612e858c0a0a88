// Gaps: what a session, a queue or an agent that was away lost is read from the server's history, each value once, or named.
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  asyncua,
  freePort,
  type Link,
  openLink,
  remove,
  type Running,
  run,
  type ServerProcess,
  temporary,
  until,
} from './helpers.ts'

const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const ITEMS = 20
const tags = [{ tag: 'line/{n}', node: 'nsu=urn:plant:line;s=Counter{n}', class: 'process', count: ITEMS }]
const quick = { security, publishing: '50ms', sampling: '0ms', tags } as const
/** In the status of what history gave. */
const FROM_HISTORY = 0x400

let dir: string
let server: ServerProcess
let source: Running | undefined
let link: Link | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await source?.stop()
  await server?.kill()
  link?.close()
  source = link = undefined
  remove(dir)
})

async function start(history: number): Promise<string> {
  server = await asyncua({ port: await freePort(), certificates: dir, counters: ITEMS, history })
  link = await openLink(Number(new URL(server.endpoint).port))
  return `opc.tcp://127.0.0.1:${link.port}`
}

/** Of each tag: its values in the order of their times. */
function valuesByTag(running: readonly Running[]): unknown[][] {
  const rows = running.flatMap((it) => it.rows)
  return [...Map.groupBy(rows, (it) => it.tag).values()].map((it) =>
    it.toSorted((one, other) => one.time - other.time).map((row) => row.value),
  )
}

const upTo = (last: number) => Array.from({ length: last + 2 }, (_, n) => BigInt(n - 1))

/** Counts to `ticks` while the link is away for some of it. */
async function countOverACut(ticks: number): Promise<void> {
  await until('a value of each', () => source?.rows.length === ITEMS)
  const counting = server.command({ do: 'count', ticks, hertz: 10 })
  await until('a few', () => source && source.rows.length > ITEMS * 5)
  link?.cut()
  await until('down', () => source?.status().state === 'down')
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  link?.heal()
  await counting
  await until('up', () => source?.status().state === 'up')
}

test('a link that is away for longer than the queues hold: what they dropped comes from history, marked, each value once', async () => {
  const endpoint = await start(1_000)
  source = run({ ...quick, endpoint, queueSize: 1 }, dir)
  await countOverACut(60)
  const all = () => source && source.rows.length >= ITEMS * 61
  await until('all', all).catch(() => {})
  for (const values of valuesByTag([source])) expect(values).toEqual(upTo(59))
  const marked = source.rows.filter((it) => it.status === FROM_HISTORY)
  expect(marked.length).toBeGreaterThanOrEqual(ITEMS * 10)
  expect(marked.every((it) => it.quality === 'good')).toBe(true)
  expect(source.status().notes).toBeUndefined()
  expect(source.status().details).toMatchObject({ filledFromHistory: marked.length })
})

test('a server without history: the gap is named, once', async () => {
  const endpoint = await start(0)
  const lines: string[] = []
  source = run({ ...quick, endpoint, queueSize: 1 }, dir, { lines })
  await countOverACut(60)
  await until('the note', () => source?.status().notes?.['session-gap'])
  expect(source.status().notes).toEqual({ 'session-gap': 1 })
  expect(source.rows.some((it) => it.status === FROM_HISTORY)).toBe(false)
  expect(lines.filter((it) => it.includes("not in the server's history"))).toHaveLength(1)
  expect(lines.join()).toMatch(/20 tags, the first is line\/0 from 20\d\d-\S+Z to 20\d\d-\S+Z: \w+/)
})

/** More than one read of history yields. This server gives the first thousand and does not say that there are more. */
const TICKS = 1_050

test('an agent that was away: its bookmark says from when on, and the next run reads what is between', async () => {
  const endpoint = await start(5_000)
  const first = run({ ...quick, endpoint }, dir)
  source = first
  await until('a value of each', () => first.rows.length === ITEMS)
  await server.command({ do: 'count', ticks: 5, hertz: 10 })
  await until('the first five', () => first.rows.length === ITEMS * 6)
  await first.stop()
  await server.command({ do: 'count', ticks: TICKS, hertz: 500 })
  source = run({ ...quick, endpoint }, dir)
  await until('the rest', () => source && source.rows.length >= ITEMS * TICKS)
  // Nothing comes twice: not the value that the first run had, not one that came by itself.
  await until('the end of it', () => source?.status().details?.filledFromHistory === ITEMS * (TICKS - 1))
  expect(source.rows.length).toBe(ITEMS * TICKS)
  for (const values of valuesByTag([first, source])) expect(values).toEqual([...upTo(4), ...upTo(TICKS - 1).slice(1)])
  expect(source.status().notes).toBeUndefined()
})

test('an agent that was away for no change: nothing comes twice, nothing is named', async () => {
  const endpoint = await start(0)
  const first = run({ ...quick, endpoint }, dir)
  source = first
  await until('a value of each', () => first.rows.length === ITEMS)
  await first.stop()
  source = run({ ...quick, endpoint }, dir)
  await until('up', () => source?.status().state === 'up')
  await server.command({ do: 'count', ticks: 1, hertz: 10 })
  await until('the next value of each', () => source?.rows.length === ITEMS)
  expect(source.rows.map((it) => it.value)).toEqual(Array.from({ length: ITEMS }, () => 0n))
  expect(source.status().notes).toBeUndefined()
})
