// What is made of RAUC's words, by a program that says them.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { raucSlots } from '../../src/update/rauc.ts'

test('one that is at work already is waited for, anything else has failed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-rauc-'))
  const install = (says: string) => {
    const program = join(dir, 'rauc')
    writeFileSync(program, `#!/bin/sh\necho '${says}' >&2\nexit 1\n`)
    chmodSync(program, 0o755)
    return raucSlots({ program }).install('/nowhere/bundle.raucb', () => undefined, AbortSignal.timeout(10_000))
  }
  await expect(install('D-Bus error while installing: already processing a different method')).rejects.toMatchObject({
    code: 'slots-busy',
  })
  await expect(install('no space left')).rejects.toMatchObject({
    code: 'install-failed',
    message: expect.stringContaining('no space'),
  })
  rmSync(dir, { recursive: true })
})
