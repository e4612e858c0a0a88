// `query` as a process: it takes no more rows than its reader does, and ends at once when it is told to or nobody reads any more.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LocalApi } from '../../src/local-api/server.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { handMadeAgent, rowAt, silent } from '../local-api/hand-made-agent.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const WAIT = { timeout: 60_000, interval: 50 }

let dir: string
let api: LocalApi
/** Rows that the agent was asked for, and whether it was told to stop. */
const asked = { rows: 0, ended: false }
const started: ChildProcess[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-query-'))
  const agent = handMadeAgent({
    async *query(_, signal) {
      try {
        for (let i = 0; !signal.aborted; i++) {
          asked.rows++
          yield rowAt(i)
          if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        asked.ended = true
      }
    },
  })
  api = await serveLocalApi(dir, agent, silent)
})
beforeEach(() => {
  asked.rows = 0
  asked.ended = false
})
afterAll(async () => {
  for (const it of started) it.kill('SIGKILL')
  await api.close()
  await rm(dir, { recursive: true, force: true })
})

function start(words: string) {
  const child = spawn(process.execPath, [CLI, ...words.split(' '), '--limit', '100000000', '--data', dir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const errors = { text: '' }
  child.stderr.on('data', (part) => (errors.text += part))
  return { child, errors, closed: once(child, 'close') }
}

/** Until the agent is asked for nothing more: the pipe, the sockets and what is between are full. */
async function untilStalled(): Promise<number> {
  let before = -1
  await expect
    .poll(
      () => {
        const isStill = asked.rows > 0 && asked.rows === before
        before = asked.rows
        return isStill
      },
      { timeout: 60_000, interval: 1_000 },
    )
    .toBe(true)
  return asked.rows
}

describe.each(['csv', 'ndjson', 'json'])('%s', (format) => {
  test('takes no more than its reader does, and SIGINT ends it though nobody reads', async () => {
    const { child, closed, errors } = start(`query a --from 0 --format ${format}`)
    expect(await untilStalled()).toBeLessThan(50_000)
    child.kill('SIGINT')
    await once(child, 'exit')
    await expect.poll(() => asked.ended, WAIT).toBe(true)
    child.stdout.resume()
    expect(await closed).toEqual([1, null])
    expect(errors.text).toBe('')
  })

  test('ends quietly when its reader goes', async () => {
    const { child, closed, errors } = start(`query a --from 0 --format ${format}`)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await closed).toEqual([0, null])
    await expect.poll(() => asked.ended, WAIT).toBe(true)
    expect(errors.text).toBe('')
  })
})

test.each(['csv', 'parquet'])('SIGINT leaves no half file of %s', async (format) => {
  const { child, closed } = start(`query a --from 0 --format ${format} --to-file ${join(dir, 'out')}`)
  await expect.poll(() => readdir(dir), WAIT).toContain('out.part')
  await expect.poll(() => asked.rows, WAIT).toBeGreaterThan(1_000)
  child.kill('SIGINT')
  expect(await closed).toEqual([1, null])
  expect((await readdir(dir)).filter((it) => it.startsWith('out'))).toEqual([])
})
