import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { hasPrint, printer, printOf } from '../../../src/sources/files/prints.ts'

test('a print made of what was read is that of the file, and is made even when the file has been emptied meanwhile', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-prints-'))
  const path = join(dir, 'a')
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3_000 })), {
    minLength: 1,
    maxLength: 6,
  })
  try {
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (lengths, isSkipped) => {
        const content = Buffer.from(Array.from({ length: lengths.reduce((sum, it) => sum + it, 0) }, (_, at) => at % 251))
        writeFileSync(path, content)
        const handle = await open(path)
        const start = isSkipped ? (lengths[0] as number) : 0
        const prints = await printer(handle, start)
        const ends = lengths.map((_, n) => lengths.slice(0, n + 1).reduce((sum, it) => sum + it, 0)).slice(isSkipped ? 1 : 0)
        const expected = await Promise.all(ends.map((it) => printOf(handle, it)))
        for (const it of expected) expect(it && (await hasPrint(handle, it))).toBe(true)
        truncateSync(path)
        expect(ends.map((it) => prints?.of(content.subarray(start), start, it))).toEqual(expected)
        await handle.close()
      }),
      { numRuns: 60 },
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
