// Why an agent could not run is what whoever asks for it is told, until the next one is up.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import { lastWords, leaveLastWords } from '../../src/local-api/last-words.ts'
import type { Site } from '../route/agent.ts'
import { agentArgs, holdfast, siteIn, startAgent } from '../route/agent.ts'

const SETTINGS = `version: 1
device: { id: hf-words }
log: { bytesMax: 32MB }
classes: [{ name: process }]
sources: []
uplinks: []
`

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'hf-words-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function setFormat({ data }: Site, format: number): number {
  const db = new Database(join(data, 'log', 'journal.db'))
  const before = Number(db.prepare("SELECT value FROM meta WHERE key = 'format'").pluck().get())
  db.prepare("UPDATE meta SET value = ? WHERE key = 'format'").run(String(format))
  db.close()
  return before
}

test('a log of a later version: status says so and what to do; once an agent has run, no more', { timeout: 60_000 }, async () => {
  const site = siteIn(folder(), SETTINGS)
  const status = () => holdfast(site, ['status', '--data', site.data])
  await (await startAgent(site)).end()
  expect((await status()).err).not.toContain('the last one ended')

  const format = setFormat(site, 9)
  const { code } = await holdfast(site, agentArgs(site))
  expect(code).not.toBe(0)
  const asked = await status()
  expect(asked.code).not.toBe(0)
  expect(asked.err).toMatch(/the last one ended at \S+Z: .*the log has format 9, this version reads/)
  expect(asked.err).toContain('start the version that wrote it')

  setFormat(site, format)
  await (await startAgent(site)).end()
  expect((await status()).err).toMatch(/no agent runs on \S+$/m)
})

test('settings that cannot be read are what is told', { timeout: 60_000 }, async () => {
  const site = siteIn(folder(), SETTINGS.replace('version: 1', 'version: 1\nsauces: []'))
  await holdfast(site, agentArgs(site))
  await expect(connectAgent(site.data).status()).rejects.toThrow(/the last one ended at .*sauces/s)
})

test('words that are damaged, or cannot be left, hinder nobody', async () => {
  const dir = folder()
  leaveLastWords(dir, new Error('x'.repeat(100_000)), Number.NaN)
  expect(lastWords(dir)).toBeUndefined()
  leaveLastWords(dir, new Error('x'.repeat(100_000)), 1)
  expect(lastWords(dir)?.text).toHaveLength(1_000)
  leaveLastWords(dir, new Error('y'), 8.7e15)
  await expect(connectAgent(dir).status()).rejects.toThrow('ended at an unknown time: y')
  writeFileSync(join(dir, 'run', 'last-words.json'), '{"at": 1, "te')
  await expect(connectAgent(dir).status()).rejects.toThrow(/no agent runs on \S+$/)
  expect(readdirSync(join(dir, 'run'))).toEqual(['last-words.json'])
  leaveLastWords(join(dir, 'run', 'last-words.json'), new Error('a file is in the way'))
  expect(lastWords(dir)).toBeUndefined()
})
