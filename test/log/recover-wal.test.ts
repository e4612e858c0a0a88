// What a power cut leaves of a commit that was never acknowledged is in no later start's way.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { PRESENT } from '../../src/log/journal-layout.ts'
import type { Recovered } from '../../src/log/recover.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { mendWal } from '../../src/log/recover-wal.ts'
import type { OpenedLog } from './helpers.ts'
import { checkBooks, noise, openTestLog, T0, tempDir } from './helpers.ts'

const READING_BYTES = 10_000
/** Readings of a commit: a hundred pages and more, half as many, a few. */
const [LONG, SHORT, FEW] = [50, 20, 1]
const WAL_HEADER_BYTES = 32
const FRAME_BYTES = 24 + PRESENT.pageBytes

let dir = ''
let remove = () => {}
let opened: OpenedLog[] = []
beforeEach(() => ({ dir, remove } = tempDir()))
afterEach(() => {
  for (const it of opened) it.close()
  opened = []
  remove()
})

const walOf = (folder: string) => join(folder, 'journal.db-wal')

async function begin(folder: string, bootId: string): Promise<{ log: OpenedLog; recovered: Recovered }> {
  const options = { bytesMax: 64_000_000, device: 'box-1', uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
  const recovered = await recoverLog({ ...options, dir: folder, bootId, now: T0 })
  const log = openTestLog(folder, { ...options, bootId })
  opened.push(log)
  return { log, recovered }
}

/** In one commit. */
function append(log: OpenedLog, readings: number): void {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'blob', class: 'process', kind: 'bytes' })
  const random = noise(readings)
  for (let n = 0; n < readings; n++) builder.addBytes(series, T0 + n, random(READING_BYTES))
  const id = log.append(builder.take(T0))
  log.clock.tick(2000)
  expect(log.acked).toContain(id)
}

/** The files as they are: of a process that was killed. */
function killed(folder: string, name: string): string {
  const copy = join(dir, name)
  cpSync(folder, copy, { recursive: true })
  return copy
}

/** A power cut while a commit is under way: its first page has not come through, the others have. */
function cutInCommit(log: OpenedLog, folder: string, readings: number, name: string): string {
  const before = readFileSync(walOf(folder))
  append(log, readings)
  const copy = killed(folder, name)
  const after = readFileSync(walOf(copy))
  const isNew = (at: number) => !before.subarray(at, at + FRAME_BYTES).equals(after.subarray(at, at + FRAME_BYTES))
  let at = WAL_HEADER_BYTES
  while (!isNew(at)) at += FRAME_BYTES
  after.fill(0, at, at + FRAME_BYTES)
  before.copy(after, at, at, at + FRAME_BYTES)
  writeFileSync(walOf(copy), after)
  return copy
}

function expectWhole(folder: string, { log, recovered }: Awaited<ReturnType<typeof begin>>, readings: number): void {
  expect(recovered.faults).toEqual([])
  expect(log.writer.figures().classes.map((it) => it.stored)).toEqual([readings])
  checkBooks(folder, log.writer.figures())
}

test('a kill in the boot after a power cut', async () => {
  const first = await begin(join(dir, 'first'), 'boot-1')
  append(first.log, FEW)
  const cut = cutInCommit(first.log, join(dir, 'first'), LONG, 'cut')
  expect(mendWal(walOf(cut), false).kind).toBe('torn')
  const second = await begin(cut, 'boot-2')
  append(second.log, FEW)
  const last = killed(cut, 'killed')
  const third = await begin(last, 'boot-2')
  expectWhole(last, third, 2 * FEW)
  expect(third.log.writer.figures().epoch).toBe(second.log.writer.figures().epoch)
})

test('another power cut, before all of the place of the first is written over', async () => {
  const first = await begin(join(dir, 'first'), 'boot-1')
  append(first.log, FEW)
  const cut = cutInCommit(first.log, join(dir, 'first'), LONG, 'cut')
  const second = await begin(cut, 'boot-2')
  append(second.log, FEW)
  const last = cutInCommit(second.log, cut, SHORT, 'cut-again')
  expect(mendWal(walOf(last), false).kind).toBe('torn')
  expectWhole(last, await begin(last, 'boot-3'), 2 * FEW)
})
