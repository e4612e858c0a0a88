// Panel and console open what is not there yet, at the same moment: at the first boot of a box they do.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../route/until.ts'

/** Longer than anything waits once a store is open. */
const HELD_MS = 6_500
const store = join(import.meta.dirname, '../../src/access/store.ts')
const program = `
  const { openStore } = await import(process.argv[1])
  console.log('opens')
  const { db } = openStore(process.argv[2])
  console.log(db.pragma('journal_mode', { simple: true }), db.pragma('busy_timeout', { simple: true }))
`
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-together-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('who opens a store that the other one is making waits for it', async () => {
  mkdirSync(join(dir, 'access'))
  const other = new Database(join(dir, 'access', 'access.db'))
  other.exec('BEGIN EXCLUSIVE; CREATE TABLE t (a)')
  const words = ['--wasm-wrapper-tiering-budget=2000000000', '--input-type=module', '-e', program, store, dir]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const it of [child.stdout, child.stderr]) it.on('data', (part: Buffer) => (said += part.toString()))
  const closed = once(child, 'close')
  await until('it opens', () => said !== '')
  await sleep(HELD_MS)
  other.exec('COMMIT')
  other.close()
  const [code] = (await closed) as [number]
  expect(said).toBe('opens\nwal 5000\n')
  expect(code).toBe(0)
})
