import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { BadInput } from '../../src/core/errors.ts'
import { takeLock } from '../../src/log/lock.ts'
import { tempDir } from './helpers.ts'

test('one opener at a time: the second is told by whom, and a kill frees the lock', async () => {
  const { dir, remove } = tempDir()
  const child = spawn(process.execPath, [fileURLToPath(new URL('./lock.main.ts', import.meta.url)), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    let said: unknown
    try {
      takeLock(dir, 'a test')
    } catch (error) {
      said = error
    }
    expect(said).toBeInstanceOf(BadInput)
    expect((said as BadInput).message).toContain(`the other agent, process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = takeLock(dir, 'a test')
    lock.release()
    takeLock(dir, 'again').release()
  } finally {
    child.kill('SIGKILL')
    remove()
  }
})
