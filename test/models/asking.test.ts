// The thread that asks for scores, with a scorer that says what it must not: the rules' thread has an answer soon, and the next connection serves it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RuleModel } from '../../src/core/model.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import { openScoring } from '../../src/workers/scoring-host.ts'

/** In a thread of its own: who asks waits. The first who comes is told what the test wants; the others are served. */
const SCORER = `
const { createServer } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
let count = 0
createServer((socket) => {
  const isFirst = count++ === 0
  socket.setEncoding('utf8')
  socket.on('error', () => {})
  socket.on('data', (text) => {
    if (isFirst) return void socket.write(workerData.first)
    for (const line of text.trim().split('\\n')) {
      const { id } = JSON.parse(line)
      const answer = id === undefined ? { ready: [] } : { id, of: { name: 'm', version: '1', sha256: '' }, outputs: { score: 7 } }
      socket.write(JSON.stringify(answer) + '\\n')
    }
  })
}).listen(workerData.path, () => parentPort.postMessage('listens'))
`

let dir: string
let scorer: Worker | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-asking-'))
})
afterEach(async () => {
  await scorer?.terminate()
  rmSync(dir, { recursive: true, force: true })
})

const model: RuleModel = { name: 'm', inputs: {}, outputs: { score: 'score' }, timeoutMs: 100 }
const rules = [{ name: 'r', model }] as unknown as RuleSettings[]

test.each([
  ['no JSON', 'rubbish\n'],
  ['nothing that has an answer', 'null\n'],
  ['a line without an end', 'x'.repeat(100_000)],
])('%s', { timeout: 30_000 }, async (_, first) => {
  const path = join(dir, 's')
  scorer = new Worker(SCORER, { eval: true, workerData: { path, first } })
  await new Promise((resolve) => scorer?.once('message', resolve))
  const scoring = openScoring(rules, { socket: path, keys: [], memoryBytesMax: 1 })
  const begun = performance.now()
  expect(scoring?.score(model, {})).toMatchObject({ outputs: { score: 7 } })
  expect(performance.now() - begun).toBeLessThan(10_000)
  expect(() => scoring?.check()).not.toThrow()
  scoring?.close()
})

const ASKS_IN_VAIN = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData.host).then(({ openScoring }) => {
  // No path is no socket: the thread that asks falls over.
  const scoring = openScoring(workerData.rules, { socket: null, keys: [], memoryBytesMax: 1 })
  const scored = scoring.score(workerData.rules[0].model, {})
  try {
    scoring.check()
  } catch (error) {
    parentPort.postMessage({ scored, found: error.message })
  }
})
setInterval(() => {}, 1_000)
`

test('where the thread that asks has ended, nobody waits for it, and who asked it ends too', { timeout: 30_000 }, async () => {
  const host = new URL('../../src/workers/scoring-host.ts', import.meta.url).href
  scorer = new Worker(ASKS_IN_VAIN, { eval: true, workerData: { host, rules } })
  const ended = new Promise<Error>((resolve) => scorer?.once('error', resolve as (error: unknown) => void))
  expect(await new Promise((resolve) => scorer?.once('message', resolve))).toMatchObject({
    scored: { code: 'scorer-unreachable' },
    found: expect.stringContaining('has ended'),
  })
  expect((await ended).message).not.toBe('')
})
