// Who may not open the socket of root's helper is told that, and not to start what runs.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { updateSocket } from '../../src/update/client.ts'
import { cli } from '../run/holdfast.ts'

const NOBODY = 65_534

test('no permission is said as such', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-denied-'))
  const path = updateSocket(dir)
  mkdirSync(dirname(path))
  for (const it of [dir, dirname(path)]) chmodSync(it, 0o755)
  const server = createServer().listen(path)
  await once(server, 'listening')
  chmodSync(path, 0)
  const who = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const { status, stderr } = spawnSync(process.execPath, [cli, 'update', 'status', '--data', dir], { ...who, encoding: 'utf8' })
  expect(stderr).toContain(`no permission for ${path}`)
  expect(stderr).toContain('member of the group')
  expect(status).not.toBe(0)
  server.close()
  rmSync(dir, { recursive: true })
})
