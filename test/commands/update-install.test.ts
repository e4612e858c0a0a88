// What `update install` says where nothing is installed at once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Unreachable } from '../../src/core/errors.ts'
import type { UpdateJobView } from '../../src/core/update.ts'
import { handMadeUpdater } from '../update/hand-made-updater.ts'
import { runHere } from './surroundings.ts'

const JOB: UpdateJobView = {
  origin: 'url',
  phase: 'fetch',
  name: '2.0.0.raucb',
  version: null,
  by: 'cli',
  share: null,
  text: '',
  bytes: 0,
  bytesAll: null,
  wait: { code: 'link', text: 'eth1 is down' },
}

test('it waits: said in words, and to scripts as a document', async () => {
  const connectUpdater = async () => handMadeUpdater({ job: JOB })
  const run = (more: string) => runHere(`update install https://a.example/2.0.0.raucb${more}`, { connectUpdater })
  expect(await run('')).toMatchObject({ status: 0, out: 'fetch, waits: eth1 is down\n' })
  const { status, out } = await run(' --json')
  expect(status).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ job: { wait: { code: 'link' } } })
})

test('an empty file is none: what somebody handed over before is not installed for it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-install-'))
  writeFileSync(join(dir, 'empty.raucb'), '')
  const asked: unknown[] = []
  const updater = handMadeUpdater()
  const connectUpdater = async () => ({ ...updater, install: async (from: unknown) => (asked.push(from), updater.status()) })
  expect(await runHere(`update install ${dir}/empty.raucb`, { connectUpdater })).toMatchObject({
    status: 2,
    err: expect.stringContaining('is empty'),
  })
  expect(asked).toEqual([])
  rmSync(dir, { recursive: true })
})

test('an updater that goes away while bytes are fetched has installed nothing: it is waited for, and how it ended is said', async () => {
  const answers = [
    { job: { ...JOB, wait: null } },
    undefined,
    undefined,
    { job: { ...JOB, wait: null, text: 'again from where it was' } },
    { job: null, last: { outcome: 'failed' as const, version: null, text: 'its bytes ended early', at: 1 } },
  ]
  let asked = 0
  const status = async () => {
    const now = answers[Math.min(asked++, answers.length - 1)]
    if (!now) throw new Unreachable('updater-unreachable', 'no updater answers')
    return handMadeUpdater(now).status()
  }
  const connectUpdater = async () => ({ ...handMadeUpdater(), status })
  const said = await runHere('update install https://a.example/2.0.0.raucb', { connectUpdater })
  expect(said).toMatchObject({ status: 1, out: 'failed: its bytes ended early\n' })
  expect(asked).toBe(answers.length)
})
