// The harness itself: that nothing goes around the shim, that the model of a disk keeps its rules, and that a check can fail.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { scratch } from '../prove/campaign.ts'
import { createDice } from './dice.ts'
import type { Files } from './disk.ts'
import { createDisk, readFiles } from './disk.ts'
import { examineFiles, howToExamine } from './examine.ts'
import { BOOT, planOf, record, walk } from './recording.ts'
import type { Operation } from './trace.ts'
import { copyOf, hear } from './truth.ts'

const dice = createDice(1)
const CREATE = 0o102
let dir = ''
beforeEach(() => {
  dir = scratch('disk')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const texts = (files: Files) => Object.fromEntries([...files].map(([path, data]) => [path, data && Buffer.from(data).toString()]))
const open = (fd: number, path: string, flags = CREATE): Operation => ({ op: 'open', fd, flags, path: `/log${path}` })
const write = (fd: number, offset: number, text: string): Operation => ({ op: 'write', fd, offset, data: Buffer.from(text) })
const flush = (fd: number, error = 0): Operation => ({ op: 'flush', fd, error })

function diskAfter(...operations: Operation[]) {
  const disk = createDisk('/log')
  for (const it of operations) disk.apply(it)
  return disk
}

describe('the disk', () => {
  test('has what was written in a life, byte for byte, once all of it comes through', { timeout: 120_000 }, async () => {
    for (const end of ['kill', 'exit', 'close'] as const) {
      const recorded = join(dir, end)
      mkdirSync(recorded)
      const recording = await record(recorded, planOf(dice, { end, bytes: 3000, rounds: 12 }))
      await walk(recording, async ({ at, disk }) => {
        if (at < recording.operations.length) return
        const real = readFiles(join(recorded, 'log'))
        const rebuilt = disk.cut('all', dice)
        expect([...rebuilt.keys()].toSorted()).toEqual([...real.keys()].toSorted())
        for (const [path, data] of real)
          expect(Buffer.compare(data ?? Buffer.of(), rebuilt.get(path) ?? Buffer.of()), path).toBe(0)
      })
    }
  })

  test('keeps a file only with a flush of the file and of its folder', () => {
    const made = [open(3, '/a'), write(3, 0, 'text'), flush(3)]
    expect(texts(diskAfter(...made).cut('none', dice))).toEqual({})
    expect(texts(diskAfter(...made, open(4, '', 0), flush(4)).cut('none', dice))).toEqual({ a: 'text' })
    expect(texts(diskAfter(open(3, '/a'), write(3, 0, 'text'), open(4, '', 0), flush(4)).cut('none', dice))).toEqual({ a: '' })
  })

  test('may lose what a failed flush was for, whatever is flushed later', () => {
    const disk = diskAfter(open(3, '/a'), open(4, '', 0), flush(4), write(3, 0, 'one'), flush(3, 5), write(3, 3, 'two'), flush(3))
    expect(texts(disk.cut('none', dice))).toEqual({ a: '\0\0\0two' })
    expect(texts(disk.cut('all', dice))).toEqual({ a: 'onetwo' })
  })

  test('moves and removes names when their folder is flushed', () => {
    const made = [open(3, '/a'), write(3, 0, 'text'), flush(3), open(4, '', 0), flush(4)]
    const moved = diskAfter(...made, { op: 'rename', path: '/log/a', to: '/log/b' })
    expect(texts(moved.cut('none', dice))).toEqual({ a: 'text' })
    expect(texts(moved.cut('all', dice))).toEqual({ b: 'text' })
    const gone = diskAfter(...made, { op: 'unlink', path: '/log/a' }, flush(4))
    expect(texts(gone.cut('none', dice))).toEqual({})
  })

  test('tears a write at sectors', () => {
    const made = [open(3, '/a'), open(4, '', 0), flush(4), write(3, 0, 'x'.repeat(8192))]
    const seen = new Set<string>()
    for (let n = 0; n < 200; n++) {
      const { a = '' } = texts(diskAfter(...made).cut('sectors', dice)) as { a?: string }
      expect(a.length % 512).toBe(0)
      seen.add(a)
    }
    expect(seen.size).toBeGreaterThan(20)
  })
})

describe('the check', () => {
  const how = howToExamine(dice, { bootId: BOOT, seals: false })

  test('sees what is wrong', { timeout: 120_000 }, async () => {
    const recording = await record(join(dir, 'recorded'), planOf(dice, { end: 'kill', rounds: 8, except: ['process'] }))
    await walk(recording, async ({ at, disk, truth }) => {
      if (at < recording.operations.length) return
      const files = disk.cut('all', dice)
      await examineFiles(dir, files, truth, how)
      const lost = copyOf(truth)
      hear(lost, `given ${truth.given + 100} ${truth.refusedGiven}\nack ${truth.given} ${truth.given + 100} 0\n`)
      await expect(examineFiles(dir, files, lost, how)).rejects.toThrow(/I1: alarms: acknowledged, not here, not named/)
      const early = copyOf(truth)
      early.given -= 50
      await expect(examineFiles(dir, files, early, how)).rejects.toThrow(/I2: reading \d+ was never given/)
      const other = copyOf(truth)
      const [stream = '', known = new Map<number, number>()] = [...other.sent][0] ?? []
      known.delete([...known.keys()][0] ?? 0)
      await expect(examineFiles(dir, files, other, how)).rejects.toThrow(`I1: ${stream}: neither here nor named`)
    })
  })
})
