import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeWhole } from '../../src/machine/whole-file.ts'
import { openMinimum } from '../../src/update/minimum.ts'
import { compareVersions } from '../../src/update/version.ts'

test('versions in their order', () => {
  const order = ['0.9.9', '1.0.0-rc.1', '1.0.0-rc.2', '1.0.0-rc.10', '1.0.0', '1.0.1', '1.9.0', '1.10.0', '2.0.0~beta', '2.0.0']
  for (const [at, a] of order.entries())
    for (const [other, b] of order.entries()) expect(Math.sign(compareVersions(a, b)), `${a} ${b}`).toBe(Math.sign(at - other))
  expect(compareVersions('1.0.0+abc', '1.0.0+def')).toBe(0)
  expect(compareVersions('1.0', '1.0.0')).toBe(0)
})

test('the least version: generations only rise, an explicit way back lowers the version alone, damage lets nothing in', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-minimum-'))
  const file = join(dir, 'minimum.json')
  const it = openMinimum(file, writeWhole)
  await it.allows({ version: '0.0.1', generation: 0 })
  await it.raise({ version: '2.0.0', generation: 3 })
  await expect(it.allows({ version: '9.0.0', generation: 2 })).rejects.toMatchObject({ code: 'bundle-old' })
  await expect(it.allows({ version: '1.9.9', generation: 3 })).rejects.toMatchObject({ code: 'bundle-old' })
  await it.allows({ version: '1.0.0', generation: 4 })
  await it.lower('1.0.0')
  await it.allows({ version: '1.5.0', generation: 3 })
  await it.raise({ version: '1.5.0', generation: 0 })
  expect(await openMinimum(file, writeWhole).read()).toEqual({ version: '1.5.0', generation: 3 })
  for (const version of ['2.0.0_1', '2 beta', 'v'.repeat(65), '']) {
    await expect(it.allows({ version, generation: 9 }), version).rejects.toMatchObject({ code: 'bundle-refused' })
    await expect(it.raise({ version, generation: 9 }), version).rejects.toThrow('is no version')
  }
  expect(await it.read()).toEqual({ version: '1.5.0', generation: 3 })
  for (const text of ['', '{}', '{"version":"1","generation":-1}', '[]']) {
    writeFileSync(file, text)
    await expect(it.allows({ version: '9.0.0', generation: 9 }), text).rejects.toThrow('is damaged')
  }
  rmSync(dir, { recursive: true })
})
