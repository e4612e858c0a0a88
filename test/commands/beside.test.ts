// The command line beside page and console: what it does is an event like theirs, and what is another user's to read it says.
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAccess } from '../../src/access/index.ts'
import { cli } from '../run/holdfast.ts'

const NOBODY = 65_534
const KAFKA = '{ brokers: ["127.0.0.1:9093"], tls: { key: { secret: key }, cert: { secret: cert } } }'
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-beside-'))
  chmodSync(dir, 0o755)
  writeFileSync(join(dir, 'settings.yaml'), `version: 1\nuplinks: [{ name: cloud, kafka: ${KAFKA} }]\n`)
})
afterAll(() => rmSync(dir, { recursive: true }))

const run = (words: readonly string[], uid?: number, data = dir) =>
  spawnSync(process.execPath, [cli, ...words, '--data', data], {
    encoding: 'utf8',
    ...(uid !== undefined && { uid, gid: uid }),
  })

test('what changes the box is one event with how it ended; what only looks is none', async () => {
  // Without a list nothing is begun.
  expect(run(['certificate', 'renew']).status).toBe(0)
  const access = await openAccess(dir)
  expect(access.auditLatest(10).events).toEqual([])
  expect(run(['certificate', 'renew']).status).toBe(0)
  expect(run(['certificate', 'show']).status).toBe(0)
  expect(run(['restart', 'agent']).status).not.toBe(0)
  const events = access.auditLatest(10).events.map(({ what, by, detail }) => [what, by, detail['outcome']])
  expect(events).toEqual([
    ['restart', 'cli', 'failed: host-unreachable'],
    ['certificate renew', 'cli', 'done'],
  ])
  access.close()
})

test.skipIf(process.getuid?.() !== 0)('secrets of the agent: who may not read them can check all else, and is told', () => {
  const secrets = JSON.stringify({ key: '-----BEGIN PRIVATE KEY-----', cert: '-----BEGIN CERTIFICATE-----' })
  writeFileSync(join(dir, 'secrets.json'), secrets, { mode: 0o600 })
  const file = join(dir, 'settings.yaml')
  expect(run(['check', file])).toMatchObject({ status: 0, stdout: expect.not.stringContaining('not looked at') })
  const seen = run(['check', file], NOBODY)
  expect(seen, seen.stderr).toMatchObject({ status: 0, stdout: expect.stringContaining('1 uplink') })
  expect(seen.stdout).toContain('The secrets were not looked at: only the user of the agent may read them.')
  const refused = run(['verify', '--settings', file], NOBODY)
  expect(refused.stderr).toContain('only the user of the agent may read the secrets')
  expect(refused.stderr).toContain('start the agent')
  expect(refused.status).toBe(2)
})

test.skipIf(process.getuid?.() !== 0)(
  'root goes no further in the folder of the panel than the panel: a link there is not written through',
  () => {
    const data = join(dir, 'taken-over')
    const precious = join(dir, 'precious')
    writeFileSync(precious, 'of root')
    mkdirSync(join(data, 'access'), { recursive: true })
    writeFileSync(join(data, 'access', 'access.db'), '')
    symlinkSync(precious, join(data, 'access', 'claim-code.new'))
    for (const it of ['', 'access.db']) chownSync(join(data, 'access', it), NOBODY, NOBODY)
    expect(run(['restart', 'agent'], undefined, data).stderr).not.toBe('')
    expect(readFileSync(precious, 'utf8')).toBe('of root')
  },
)
