import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mountedCopy } from './blocks.ts'
import { makeImage, mayMount } from './partition.ts'
import { DEVICE_BYTES, s3 } from './s3.ts'
import { testSlice } from './slice.ts'

if (mayMount()) testSlice(s3, 3, 10)
else test.skip('S3: mounting needs root')

test.runIf(mayMount())('a file system whose superblock is torn is put right, as a box does at its start', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-torn-'))
  const disk = join(dir, 'disk')
  makeImage(disk, DEVICE_BYTES)
  const image = readFileSync(disk)
  // The second of its two sectors is another's.
  image.fill(0xff, 1024 + 512, 1024 + 1024)
  mountedCopy(dir, image, 'lost+found', join(dir, 'copy'))
  expect(existsSync(join(dir, 'copy'))).toBe(true)
  const unit = join(import.meta.dirname, '../../systemd/systemd-fsck@.service.d/holdfast.conf')
  expect(readFileSync(unit, 'utf8')).toMatch(/^Environment=.*\bfsck\.repair=yes$/m)
  rmSync(dir, { recursive: true })
})
