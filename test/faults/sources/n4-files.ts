// N4 for files: lines that are torn, flipped, swollen, in no encoding, among good ones; files that are renamed, copied, emptied, replaced and cut short
// while they are read. Nothing is thrown, every good line is there once, every other is a reading or a line of the ledger. A case is a line.
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, renameSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign } from '../../prove/campaign.ts'
import type { Running } from '../../sources/files/harness.ts'
import { place } from '../../sources/files/harness.ts'
import type { Dice } from '../dice.ts'

const FILES = 6
const ROUNDS_OF_WRITING = 4
const LINES_AT_ONCE = 50
const WAIT_MS_MAX = 20_000
const START_MS = 1_700_000_000_000

type Format = 'csv' | 'ndjson'

interface Written {
  /** Numbers of good lines. */
  readonly good: number[]
  bad: number
}

export const n4Files: Campaign = {
  id: 'N4-files',
  what: 'lines that are none, files that change while they are read',
  short: 50_000,
  long: 5_000_000,
  async run({ dice, isOver, case: one }) {
    while (!isOver()) {
      const format = dice.oneOf(['csv', 'ndjson'] as const)
      const here = place()
      const it = here.open({
        format,
        every: '100ms',
        settled: '200ms',
        time: { column: 'time', format: 'milliseconds' },
        tags: [{ tag: '{kind}', column: 'value', type: 'int', class: 'process' }],
      })
      try {
        const written = await write(here.folder, format, dice)
        await allRead(it, written)
        await check(it, written, one)
      } finally {
        await it.stop()
        here.remove()
      }
    }
  },
}

async function write(folder: string, format: Format, dice: Dice): Promise<Written> {
  const written: Written = { good: [], bad: 0 }
  let names = Array.from({ length: FILES }, (_, n) => `f${n}.log`)
  for (const name of names) appendFileSync(join(folder, name), format === 'csv' ? 'time,kind,value,rest\n' : '')
  for (let round = 0; round < ROUNDS_OF_WRITING; round++) {
    for (const name of names) for (let n = 0; n < LINES_AT_ONCE; n++) appendLine(join(folder, name), format, written, dice)
    names = names.map((name, n) => disturbed(folder, name, `${round}-${n}`, format, dice))
    await sleep(dice.below(150))
  }
  return written
}

function appendLine(path: string, format: Format, written: Written, dice: Dice): void {
  const number = written.good.length + written.bad
  if (dice.below(3) > 0) {
    written.good.push(number)
    appendFileSync(path, `${lineOf(format, 'good', number)}${dice.oneOf(['\n', '\n', '\r\n'])}`)
  } else {
    written.bad++
    appendFileSync(path, Buffer.concat([wrecked(Buffer.from(lineOf(format, 'wrecked', number)), dice), Buffer.from('\n')]))
  }
}

function lineOf(format: Format, kind: string, number: number): string {
  const time = START_MS + number
  return format === 'csv'
    ? `${time},${kind},${number},"a ""b"", c"`
    : JSON.stringify({ time, kind, value: number, rest: ['a', { b: 1 }] })
}

/** Without a line feed: what comes of it is one line, or none. */
function wrecked(line: Buffer, dice: Dice): Buffer {
  const at = dice.below(line.length)
  switch (dice.below(9)) {
    case 0:
      return line.subarray(0, at)
    case 1:
      return flipped(line, at, dice)
    case 2:
      return Buffer.concat([
        line.subarray(0, at),
        Buffer.from(dice.oneOf(['"', ',', '{', '}', '\\', '\0', '\r', '\u2028'])),
        line.subarray(at),
      ])
    case 3:
      return Buffer.concat([line.subarray(0, at), Buffer.from([0xff, 0xc0, 0x80]), line.subarray(at)])
    case 4:
      return Buffer.from(
        line
          .toString()
          .replaceAll(/\d+/g, () => dice.oneOf(['9'.repeat(400), '-1', '1e999', '0x10', '', 'NaN', '99999999999999999999'])),
      )
    case 5:
      return Buffer.from(
        dice.oneOf(['null', '[]', '"', '{}', '1', '{"time":{}}', ',,,', '[{"time":1}]', '{"__proto__":{"time":1}}']),
      )
    case 6:
      return Buffer.concat([line, line])
    case 7:
      return dice.once(40) ? Buffer.alloc(1_200_000 + dice.below(500_000), 0x61) : Buffer.alloc(dice.below(5_000), 0x22)
    default:
      return Buffer.from(`${'['.repeat(dice.below(3_000))}${line.toString()}`)
  }
}

function flipped(line: Buffer, at: number, dice: Dice): Buffer {
  const copy = Buffer.from(line)
  const next = (copy[at] as number) ^ (1 << dice.below(8))
  copy[at] = next === 10 ? 0 : next
  return copy
}

/** Something that happens to files; the name under which it is written on. */
function disturbed(folder: string, name: string, stamp: string, format: Format, dice: Dice): string {
  const [path, other] = [join(folder, name), join(folder, `x${stamp}.log`)]
  switch (dice.below(8)) {
    case 0:
      renameSync(path, other)
      return `x${stamp}.log`
    case 1:
      mkdirSync(other)
      return name
    case 2:
      symlinkSync(dice.oneOf([path, '/nowhere', '.']), other)
      return name
    case 3:
      chmodSync(path, 0o600)
      return name
    case 4:
      // As an editor does: the same lines in another file.
      copyFileSync(path, join(folder, '.copy'))
      renameSync(join(folder, '.copy'), path)
      return name
    case 5:
      copyFileSync(path, other)
      truncateSync(path, 0)
      if (format === 'csv') appendFileSync(path, 'time,kind,value,rest\n')
      return name
    default:
      return name
  }
}

async function allRead(it: Running, { good }: Written): Promise<void> {
  const seen = () => it.rows.filter((row) => row.tag === 'good').length
  const end = performance.now() + WAIT_MS_MAX
  while (seen() < good.length) {
    if (performance.now() > end) break
    await sleep(20)
  }
  // Another look or two: what would come twice comes now.
  await sleep(500)
}

async function check(
  it: Running,
  { good, bad }: Written,
  one: (name: string, run: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const counts = new Map<unknown, number>()
  for (const row of it.rows) if (row.tag === 'good') counts.set(row.value, (counts.get(row.value) ?? 0) + 1)
  for (const number of good)
    await one(`line ${number}`, async () => {
      const count = counts.get(BigInt(number)) ?? 0
      if (count !== 1) throw new Error(`line ${number} is there ${count} times; ${JSON.stringify(it.source.status())}`)
    })
  await one('the rest', async () => {
    const { state, notes = {} } = it.source.status()
    if (state !== 'up') throw new Error(`the source is ${state}`)
    const others = it.rows.length - good.length
    const named = it.refused.reduce((sum, refused) => sum + refused.count, 0)
    if (named !== (notes['unreadable-line'] ?? 0)) throw new Error(`${named} in the ledger, ${notes['unreadable-line']} counted`)
    if (others + named > bad) throw new Error(`${others} readings and ${named} refusals of ${bad} wrecked lines`)
    if (named === 0) throw new Error('no wrecked line was met')
  })
}
