// S8: one bit, one page, truncated, zeroed, swapped, missing: any file of the log. The log opens, one scan finds all of it, what is lost is
// what the damage lay on and is named, the accounts add up, and what is appended now is acknowledged and stands on numbers that nobody has seen.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Intervals } from '../../src/core/intervals.ts'
import { countOf, difference, intersection, union, withInterval } from '../../src/core/intervals.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import type { Dice } from './dice.ts'
import { createDice } from './dice.ts'
import { BYTES_MAX } from './recording.ts'
import type { Made } from './s8-log.ts'
import { makeLog } from './s8-log.ts'
import type { Seen, SeenStream } from './s8-open.ts'
import { openDamaged } from './s8-open.ts'

const PAGE_BYTES = 4096
const CASES = 40
const RUN_BYTES = 16
/** Why readings of these logs are refused. */
const UNREADABLE = 'unreadable'
/**
 * Open: of the write-ahead log this campaign damages single bits only. A missing one cannot be told from one that was emptied into the
 * journal; where its end or whole pages of its last commits are gone, what stood in them is not always named in full, nor its numbers kept from use.
 */
const WAL_KINDS: Partial<Record<(typeof KINDS)[number], (typeof KINDS)[number]>> = {
  missing: 'bit',
  swapped: 'bit',
  page: 'bit',
  zeroed: 'bit',
  truncated: 'bit',
}
const KINDS = ['bit', 'bit', 'bit', 'page', 'truncated', 'zeroed', 'swapped', 'missing'] as const

export interface Damage {
  readonly file: string
  readonly kind: (typeof KINDS)[number]
  /** Bytes of the file that are not as they were. */
  readonly places: Intervals
}

interface Block {
  readonly stream: string
  readonly first: number
  readonly count: number
  /** Of DIR/log; undefined: fresh. */
  readonly file: string | undefined
  readonly offset: number
  readonly bytes: number
  /** 1: aggregates stand for it, and it is history. */
  readonly isKept: number
}

/** What stands in the catalogue of a log, whatever its readings. */
export function blocksOf(dir: string): Block[] {
  const db = new Database(join(dir, 'journal.db'))
  try {
    return db
      .prepare(
        `SELECT s.device || ':' || s.epoch || ':' || s.class || ':' || s.form AS stream, b.first, b.count, b.bytes, coalesce(b."offset", 0) AS "offset",
          s.form = 'raw' AND b.window_ms > 0 AS isKept,
          'segments/' || g.class || '/' || g.id || '.' || g.form AS file FROM block b JOIN stream s ON s.id = b.stream LEFT JOIN segment g ON g.id = b.segment`,
      )
      .all()
      .map((it) => ({ ...(it as Block), file: (it as { file: string | null }).file ?? undefined }))
  } finally {
    db.close()
  }
}

export function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((it) => /^(journal\.db(-wal)?|segments\/.*\..*)$/.test(it))
    .sort()
}

export function damageFile(dir: string, file: string, kind: Damage['kind'], dice: Dice): Damage {
  const path = join(dir, file)
  const { size } = statSync(path)
  const pages = Math.ceil(size / PAGE_BYTES)
  const bytes = readFileSync(path)
  const before = Buffer.from(bytes)
  const page = (n: number) => bytes.subarray(n * PAGE_BYTES, (n + 1) * PAGE_BYTES)
  if (kind === 'missing') {
    rmSync(path)
    return { file, kind, places: [{ from: 0, to: size }] }
  }
  if (kind === 'truncated') {
    const to = dice.below(size)
    writeFileSync(path, bytes.subarray(0, to))
    return { file, kind, places: [{ from: to, to: size }] }
  }
  if (kind === 'bit') {
    const bit = dice.below(size * 8)
    bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
  } else if (kind === 'page') page(dice.below(pages)).fill(0)
  else if (kind === 'zeroed') bytes.fill(0)
  else {
    const [a, b] = [page(dice.below(pages)), page(dice.below(pages))]
    const other = Buffer.from(a)
    b.subarray(0, a.length).copy(a)
    other.subarray(0, b.length).copy(b)
  }
  writeFileSync(path, bytes)
  return { file, kind, places: changed(before, bytes) }
}

/** In runs: a byte that happens to be the same ends one only when many are. */
function changed(before: Buffer, after: Buffer): Intervals {
  const places: { from: number; to: number }[] = []
  for (let at = 0; at < before.length; at++) {
    if (before[at] === after[at]) continue
    const last = places.at(-1)
    if (last && at - last.to < RUN_BYTES) last.to = at + 1
    else places.push({ from: at, to: at + 1 })
  }
  return places
}

/** Of the segments' blocks, those that the damage lies on, by stream. */
function hit(blocks: readonly Block[], { file, places }: Damage): Map<string, Intervals> {
  const found = new Map<string, Intervals>()
  for (const it of blocks)
    if (it.file === file && countOf(intersection(places, [{ from: it.offset, to: it.offset + it.bytes }])) > 0)
      found.set(it.stream, withInterval(found.get(it.stream) ?? [], it.first, it.first + it.count))
  return found
}

/** Throws an Error that lists what does not hold. Says how many fresh blocks it cost. */
export async function checkDamaged(
  dir: string,
  made: Made,
  base: readonly Block[],
  damage: Damage,
  bootId = made.bootId,
): Promise<number> {
  const seen = await openDamaged(dir, made, bootId, BYTES_MAX)
  const faults = [...seen.faults]
  const isSegment = damage.file.startsWith('segments/')
  // Where the write-ahead log ends nobody can tell: what was cut off is as if it had never been, but for the destination. What was sealed in it
  // stands in the journal under the numbers that it had before.
  const isCut = damage.file.endsWith('-wal') && (damage.kind === 'truncated' || damage.kind === 'missing')
  const expected = hit(base, damage)
  const after = historyIn(dir)
  let freshLost = 0
  for (const [key, stream] of seen.streams) {
    const mine = base.filter((it) => it.stream === key && it.isKept === 0)
    const stored = (of: (it: Block) => boolean) =>
      mine.filter(of).reduce<Intervals>((set, it) => withInterval(set, it.first, it.first + it.count), [])
    const sent = setOf(made.truth.sent.get(key)?.keys() ?? [])
    const gone = difference(
      difference(
        stored(() => true),
        stream.here,
      ),
      sent,
    )
    if (isSegment && countOf(difference(gone, expected.get(key) ?? [])) > 0)
      faults.push(`${key}: ${JSON.stringify(difference(gone, expected.get(key) ?? []))} went, and the damage is elsewhere`)
    if (
      !isSegment &&
      !isCut &&
      countOf(
        intersection(
          gone,
          stored((it) => it.file !== undefined),
        ),
      ) > 0
    )
      faults.push(
        `${key}: ${JSON.stringify(
          intersection(
            gone,
            stored((it) => it.file !== undefined),
          ),
        )} is in a whole segment, and went`,
      )
    freshLost += mine.filter(
      (it) => it.file === undefined && countOf(intersection(gone, [{ from: it.first, to: it.first + it.count }])) > 0,
    ).length
    checkNamed(key, stream, sent, gone, seen, faults)
    const history = { before: base.filter((it) => it.stream === key && it.isKept === 1), after: after.get(key) ?? [] }
    checkHistory(key, history, stream, isSegment ? (expected.get(key) ?? []) : undefined, seen, faults)
  }
  checkReuse(seen, made, isCut ? [] : base, faults)
  if (faults.length > 0)
    throw new Error(
      `${damage.file} ${damage.kind} ${JSON.stringify(damage.places.slice(0, 3))}\n${faults.slice(0, 8).join('\n')}`,
    )
  return freshLost
}

/** By stream: what is kept of what aggregates stand for. */
function historyIn(dir: string): Map<string, Intervals> {
  const found = new Map<string, Intervals>()
  for (const it of blocksOf(dir))
    if (it.isKept === 1) found.set(it.stream, withInterval(found.get(it.stream) ?? [], it.first, it.first + it.count))
  return found
}

/** What aggregates stand for stays named, and is never stored again; of segments that were not hit it is still there. */
function checkHistory(
  key: string,
  { before, after }: { readonly before: readonly Block[]; readonly after: Intervals },
  { here, named }: SeenStream,
  hitBy: Intervals | undefined,
  seen: Seen,
  faults: string[],
): void {
  const setIn = (of: (it: Block) => boolean) =>
    before.filter(of).reduce<Intervals>((set, it) => withInterval(set, it.first, it.first + it.count), [])
  const all = setIn(() => true)
  const again = intersection(here, all)
  if (countOf(again) > 0) faults.push(`${key}: ${JSON.stringify(again)} is stored again, and aggregates stand for it`)
  const unnamed = difference(all, named)
  const unaccounted = seen.classes.get(key.split(':')[2] as string)?.lost['unaccounted'] ?? 0
  if (countOf(unnamed) > unaccounted) faults.push(`${key}: aggregates stood for ${JSON.stringify(unnamed)}, and no line says so`)
  const gone = difference(
    difference(
      setIn((it) => it.file !== undefined || hitBy !== undefined),
      after,
    ),
    hitBy ?? [],
  )
  if (countOf(gone) > 0) faults.push(`${key}: history ${JSON.stringify(gone)} is whole, and went`)
}

/** What is gone is in the ledger, or in the account as lost without an explanation; nothing that is here is. */
function checkNamed(
  key: string,
  { here, named, next }: SeenStream,
  sent: Intervals,
  gone: Intervals,
  seen: Seen,
  faults: string[],
): void {
  if (countOf(intersection(here, named)) > 0) faults.push(`${key}: here and named: ${JSON.stringify(intersection(here, named))}`)
  const whole: Intervals = next > 0 ? [{ from: 0, to: next }] : []
  const holes = [here, named, sent].reduce<Intervals>(difference, whole)
  const name = key.split(':')[2] as string
  const unaccounted = seen.classes.get(name)?.lost['unaccounted'] ?? 0
  // Until all uplinks have told their positions a hole is not named. Refused readings whose line went with the journal lie in it, and stand in the account as refused.
  if (countOf(holes) > unaccounted + refusedUnnamed(name, seen) && key.endsWith(':raw'))
    faults.push(`${key}: neither here nor named nor sent: ${JSON.stringify(holes)}`)
  const unnamed = difference(intersection(gone, whole), named)
  if (countOf(unnamed) > unaccounted && key.endsWith(':raw'))
    faults.push(`${key}: gone and not named: ${JSON.stringify(unnamed)}`)
}

function refusedUnnamed(name: string, { streams, classes }: Seen): number {
  const named = [...streams].reduce((sum, [key, it]) => sum + (key.split(':')[2] === name ? countOf(it.refused) : 0), 0)
  return Math.max(0, (classes.get(name)?.lost[UNREADABLE] ?? 0) - named)
}

/** Numbers that were given out before are not given out again, in whatever the destination or the base has. */
function checkReuse({ fresh }: Seen, made: Made, base: readonly Block[], faults: string[]): void {
  for (const [key, set] of fresh) {
    const before = base
      .filter((it) => it.stream === key)
      .reduce<Intervals>((all, it) => withInterval(all, it.first, it.first + it.count), [])
    const used = union(before, setOf(made.truth.sent.get(key)?.keys() ?? []))
    if (countOf(intersection(set, used)) > 0)
      faults.push(`${key}: ${JSON.stringify(intersection(set, used))} was given out a second time`)
  }
}

const setOf = (sequences: Iterable<number>): Intervals =>
  [...sequences].sort((a, b) => a - b).reduce<Intervals>((set, it) => withInterval(set, it, it + 1), [])

async function damageOnce(
  { dice }: Round,
  dir: string,
  made: Made,
  base: readonly Block[],
  file: string,
  kind: Damage['kind'],
): Promise<void> {
  cpSync(made.dir, dir, { recursive: true })
  const damage = damageFile(dir, file, kind, dice)
  await checkDamaged(dir, made, base, damage, dice.once(3) ? 'boot-3' : made.bootId)
  rmSync(dir, { recursive: true })
}

export const s8: Campaign = {
  id: 'S8',
  what: 'one bit, one page, truncated, zeroed, swapped, missing: any file of the log',
  short: 500,
  long: 20_000,
  async run(round) {
    const { dir, dice, isOver } = round
    const made = makeLog(join(dir, 'made'), dice)
    const looked = join(dir, 'looked')
    cpSync(made.dir, looked, { recursive: true })
    const base = blocksOf(looked)
    const files = filesOf(made.dir)
    for (let n = 0; n < CASES && !isOver(); n++) {
      const file = dice.once(2) ? dice.oneOf(files) : dice.oneOf(files.filter((it) => it.startsWith('journal')))
      const drawn = dice.oneOf(KINDS)
      const kind = file.endsWith('-wal') ? (WAL_KINDS[drawn] ?? drawn) : drawn
      await round.case(`${file} ${kind}`, () =>
        damageOnce({ ...round, dice: createDice(round.seed, round.number, n) }, join(dir, `case-${n}`), made, base, file, kind),
      )
    }
    if (existsSync(looked)) rmSync(looked, { recursive: true })
  },
}
