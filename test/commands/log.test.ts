// The log's commands, through an agent and on the files of a log that nobody runs.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Parts } from '../../src/commands/command.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { LocalApi } from '../../src/local-api/server.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { openOfflineLog } from '../../src/offline-log.ts'
import { takeLock } from '../../src/log/lock.ts'
import { createDice } from '../faults/dice.ts'
import { blocksOf, damageFile } from '../faults/s8.ts'
import type { Made } from '../faults/s8-log.ts'
import { makeLog } from '../faults/s8-log.ts'
import { handMadeAgent, silent } from '../local-api/hand-made-agent.ts'

let dir: string
let made: Made
let api: LocalApi | undefined
const served = () => join(dir, 'served')

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-log-'))
  made = makeLog(join(dir, 'made'), createDice(20_251_124))
  cpSync(made.dir, join(dir, 'box', 'log'), { recursive: true })
  api = await serveLocalApi(served(), handMadeAgent(), silent)
})
afterAll(async () => {
  await api?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** With the real client and the real files. */
async function run(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' }
  const output = (name: 'out' | 'err') => ({
    isTerminal: false,
    width: 80,
    write(text: string) {
      texts[name] += text
      return Promise.resolve()
    },
  })
  const status = await dispatch(words, {
    out: output('out'),
    err: output('err'),
    env: {},
    signal: new AbortController().signal,
    parts: { log: openOfflineLog } as Partial<Parts> as Parts,
    version: '0',
    agent: connectAgent,
  })
  return { status, ...texts }
}

/** A copy of the box, for one test. */
function boxFor(name: string): string {
  const box = join(dir, name)
  cpSync(join(dir, 'box'), box, { recursive: true })
  return box
}

describe('through the agent', () => {
  test('check says which block is damaged, and ends with 1', async () => {
    const { status, out } = await run('log', 'check', '--data', served())
    expect(status).toBe(1)
    expect(out).toContain('process/7.raw at byte 120: the block of process 0 to 499, 500 readings')
    const { out: json } = await run('log', 'check', '--json', '--data', served())
    expect(JSON.parse(json)).toMatchObject({
      ok: false,
      files: [
        { segment: null, damage: [] },
        { segment: 7, damage: [{ readings: 500 }] },
      ],
    })
  })
  test('repair says what it gave up', async () => {
    expect(await run('log', 'repair', '--data', served())).toMatchObject({
      status: 0,
      out: expect.stringContaining('500 readings given up') as string,
    })
  })
  test('inspect: all, one segment, one that is not there', async () => {
    expect((await run('log', 'inspect', '--data', served())).out).toContain('process raw  dropped  full')
    expect(JSON.parse((await run('log', 'inspect', '--segment', '7', '--json', '--data', served())).out)).toMatchObject({ id: 7 })
    expect((await run('log', 'inspect', '--segment', 'x', '--data', served())).status).toBe(2)
  })
})

describe('on the files', () => {
  test('a whole log is whole', async () => {
    const { status, out } = await run('log', 'check', '--json', '--data', boxFor('whole'))
    expect(status).toBe(0)
    const { files } = JSON.parse(out) as { files: { blocks: number }[] }
    const looked = boxFor('looked')
    expect(files.reduce((sum, it) => sum + it.blocks, 0)).toBe(blocksOf(join(looked, 'log')).length)
  })
  test('a flipped bit in a segment: check finds it, repair gives up that block alone, then all is whole', async () => {
    const box = boxFor('flipped')
    const blocks = blocksOf(join(boxFor('flipped-looked'), 'log'))
    // What has arrived is given up by nobody.
    const isSent = ({ stream, first, count }: (typeof blocks)[number]) =>
      [...(made.truth.sent.get(stream)?.keys() ?? [])].some((it) => it >= first && it < first + count)
    const hit = blocks.find((it) => it.file !== undefined && it.isKept === 0 && !isSent(it))
    if (hit?.file === undefined) throw new Error('nothing was sealed')
    const path = join(box, 'log', hit.file)
    flip(path, hit.offset + 90)
    const before = await run('log', 'check', '--json', '--data', box)
    expect(before.status).toBe(1)
    const repaired = JSON.parse((await run('log', 'repair', '--json', '--data', box)).out) as { givenUp: number }
    expect(repaired.givenUp).toBe(hit.count)
    expect(await run('log', 'check', '--data', box)).toMatchObject({ status: 0 })
    expect(blocksOf(join(box, 'log'))).toHaveLength(blocks.length - 1)
    expect((await run('log', 'inspect', '--data', box)).out).toMatch(/damaged +damaged +1/)
  })
  test('a journal that cannot be read, nor how it was opened: check says so, repair leaves it to the agent', async () => {
    const box = boxFor('journal')
    damageFile(join(box, 'log'), 'journal.db', 'zeroed', createDice(1))
    rmSync(join(box, 'log', 'journal.db-wal'))
    expect(await run('log', 'check', '--data', box)).toMatchObject({ status: 1 })
    expect((await run('log', 'repair', '--data', box)).status).toBe(2)
  })
  test('export writes every reading once', async () => {
    const box = boxFor('exported')
    const file = join(dir, 'all.ndjson.zst')
    expect((await run('log', 'export', file, '--data', box)).status).toBe(0)
    const rows = zstdDecompressSync(readFileSync(file))
      .toString()
      .split('\n')
      .filter((it) => it !== '')
      .map((it) => JSON.parse(it) as { epoch: string; class: string; sequence: number })
    const blocks = blocksOf(join(box, 'log'))
    expect(rows).toHaveLength(blocks.reduce((sum, it) => sum + it.count, 0))
    expect(new Set(rows.map((it) => `${it.epoch} ${it.class} ${it.sequence}`)).size).toBe(rows.length)
  })
  test('a log that somebody has, and one that is not there', async () => {
    const box = boxFor('taken')
    const lock = takeLock(join(box, 'log'), 'a test')
    const { status, err } = await run('log', 'check', '--data', box)
    lock.release()
    expect(status).toBe(2)
    expect(err).toContain('in use by a test')
    expect((await run('log', 'check', '--data', join(dir, 'nowhere'))).status).toBe(2)
  })
})

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}
