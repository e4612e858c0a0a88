// DIR/budgets.json: what is reserved of each budget. It is written whole beside the old one, made durable, and put in its place: after any
// cut the old one is there or the new one. The checksum tells a file that the flash has changed since.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { SavedAccount } from '../core/links.ts'
import { writeWhole } from './whole-file.ts'

export interface BudgetFile {
  readonly path: string
  /** 'damaged': there is a file, and what it says cannot be trusted. */
  readonly saved: readonly SavedAccount[] | 'damaged'
  /** Resolves once it is durable. */
  save(account: SavedAccount): Promise<void>
}

/** Of each interface so many periods are remembered, the latest used ones: a clock that was set wrong comes back to one of them. */
const PERIODS_MAX = 8
const MISSING = 'ENOENT'

export function openBudgetFile(dir: string): BudgetFile {
  const path = join(dir, 'budgets.json')
  const saved = readSaved(path)
  let accounts = saved === 'damaged' ? [] : saved
  let last: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  /** One write at a time; what is asked for while one is under way goes with the next. */
  function write(): Promise<void> {
    next ??= last
      .catch(() => {})
      .then(() => {
        next = undefined
        return (last = writeWhole(path, textOf(accounts), 0o640))
      })
    return next
  }
  return {
    path,
    saved,
    save(account) {
      accounts = withAccount(accounts, account)
      return write()
    },
  }
}

/** The latest used first. */
function withAccount(accounts: readonly SavedAccount[], account: SavedAccount): SavedAccount[] {
  const isOfLink = (it: SavedAccount) => it.interface === account.interface && it.per === account.per && it.zone === account.zone
  const others = accounts.filter((it) => isOfLink(it) && it.start !== account.start).slice(0, PERIODS_MAX - 1)
  return [account, ...others, ...accounts.filter((it) => !isOfLink(it))]
}

function textOf(accounts: readonly SavedAccount[]): string {
  const text = JSON.stringify(accounts)
  return `${JSON.stringify({ version: 1, crc32: crc32(text), accounts })}\n`
}

function readSaved(path: string): readonly SavedAccount[] | 'damaged' {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === MISSING ? [] : 'damaged'
  }
  try {
    const { version, crc32: sum, accounts } = JSON.parse(text) as { version: unknown; crc32: unknown; accounts: SavedAccount[] }
    return version === 1 && sum === crc32(JSON.stringify(accounts)) && accounts.every(isWhole) ? accounts : 'damaged'
  } catch {
    return 'damaged'
  }
}

function isWhole(it: SavedAccount): boolean {
  return typeof it.interface === 'string' && [it.start, it.reserved, it.spent].every(Number.isFinite)
}
