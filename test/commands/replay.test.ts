import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AgentApi, QueryRequest, QueryRow } from '../../src/core/agent-api.ts'
import type { ReplayRequest } from '../../src/commands/command.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import type { Parts } from '../../src/commands/command.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

const DAY_US = 86_400_000_000
const NOON = Date.UTC(2026, 10, 24, 12) * 1000

const rowAt = (time: number, sequence: number): QueryRow => ({
  tag: 'hall/a',
  time,
  kind: 'double',
  value: 1.5,
  quality: 'good',
  status: 0,
  sequence,
  received: time,
  class: 'process',
  device: 'box',
  epoch: 'e1',
})

/** `held` is what the log has. */
async function replayHere(words: string, held: readonly QueryRow[], replay?: Parts['replay']) {
  const texts = { out: '', err: '' }
  const asked: QueryRequest[] = []
  const output = (name: 'out' | 'err') => ({
    isTerminal: false,
    width: 80,
    write(text: string) {
      texts[name] += text
      return Promise.resolve()
    },
  })
  const query: AgentApi['query'] = async function* (request) {
    asked.push(request)
    yield* held.filter((it) => it.time >= request.from && it.time < request.to).slice(0, request.limit)
  }
  const status = await dispatch(words.split(' '), {
    out: output('out'),
    err: output('err'),
    env: {},
    signal: new AbortController().signal,
    parts: { replay } as Parts,
    version: '0',
    agent: () => handMadeAgent({ query }),
  })
  return { status, ...texts, asked }
}

const RANGE = '--from 2026-11-24 --to 2026-11-25'
const held = [rowAt(NOON, 7), rowAt(NOON + 1, 8), rowAt(NOON + DAY_US, 9)]

test('the rows of the range go to the topic, with device and epoch, as the site says it', async () => {
  const seen: unknown[] = []
  const replay = async ({ rows, ...request }: ReplayRequest) => {
    const found: QueryRow[] = []
    for await (const it of rows) found.push(it)
    seen.push({ ...request, sequences: found.map((it) => it.sequence) })
    return found.length
  }
  const { status, out, asked } = await replayHere(`replay hall/* ${RANGE} --to-topic again --brokers k:9092`, held, replay)
  expect(out).toBe('2 readings and aggregates in again\n')
  expect(status).toBe(0)
  expect(seen).toEqual([{ brokers: ['k:9092'], topic: 'again', site: 'plant-1', sequences: [7, 8] }])
  expect(asked).toMatchObject([{ tag: ['hall/*'], origin: true, from: NOON - DAY_US / 2, to: NOON + DAY_US / 2 }])
})

test('a file has device and epoch in each row; one that comes to nothing is not there', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hf-replay-'))
  const file = join(dir, 'day.ndjson')
  const { status, out } = await replayHere(`replay hall/a ${RANGE} --file ${file} --json`, held)
  expect({ status, out: JSON.parse(out) }).toEqual({ status: 0, out: { rows: 2, file } })
  const rows = (await readFile(file, 'utf8')).trimEnd().split('\n')
  expect(rows.map((it) => JSON.parse(it))).toMatchObject([
    { tag: 'hall/a', device: 'box', epoch: 'e1', sequence: 7 },
    { device: 'box', epoch: 'e1', sequence: 8 },
  ])
  const none = join(dir, 'none.ndjson')
  const nothing = await replayHere(`replay hall/a --from 2026-11-20 --to 2026-11-21 --file ${none}`, held)
  expect(nothing.status).toBe(2)
  expect(nothing.err).toContain(
    'between 2026-11-20T00:00:00.000000Z and 2026-11-21T00:00:00.000000Z; what it holds begins at 2026-11-24T12',
  )
  await expect(readFile(none)).rejects.toThrow('ENOENT')
  await rm(dir, { recursive: true })
})

test('what is wrong is said, and nothing is asked of the agent', async () => {
  const cases: [string, string][] = [
    ['replay a --to-topic t --brokers k:1', '--from'],
    [`replay a ${RANGE}`, '--to-topic'],
    [`replay a ${RANGE} --to-topic t --file f.csv`, '--to-topic'],
    [`replay a ${RANGE} --file f.xml`, '.ndjson, .csv, .json or .parquet'],
    [`replay a ${RANGE} --to-topic t`, '--brokers'],
    [`replay a ${RANGE} --to-topic a/b --brokers k:1`, 'not the name of a topic'],
    ['replay a --from 2026-11-25 --to 2026-11-24 --file f.csv', 'must be before --to'],
  ]
  for (const [words, text] of cases) {
    const { status, err, asked } = await replayHere(words, held)
    expect({ words, status, asked, err }).toMatchObject({ words, status: 2, asked: [], err: expect.stringContaining(text) })
  }
  const none = await replayHere(`replay b ${RANGE} --file /tmp/never.ndjson`, [])
  expect(none).toMatchObject({ status: 2, err: expect.stringContaining('nothing of b: no such tag') })
})
