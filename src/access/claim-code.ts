// The claim code of this box: drawn once, when its store is made. Its text stands in DIR/access/claim-code for console and label until the box is
// claimed, then only its argon2id is left: typed at the console it sets an admin's password.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { drawCode } from './codes.ts'
import { hashPassword } from './passwords.ts'
import type { Store } from './store.ts'

export interface ClaimCode {
  isClaimed(): boolean
  /** Its text; undefined once the box is claimed. */
  text(): string | undefined
  hash(): string
  /** Within a transaction. */
  markClaimed(at: number): void
  /** The text is gone for good. Also after a kill in between: at the next start. */
  destroyText(): void
}

export async function openClaimCode({ dir, db, write }: Store): Promise<ClaimCode> {
  const path = join(dir, 'claim-code')
  const read = db.prepare<[string], { value: string }>('SELECT value FROM facts WHERE name = ?')
  const insert = db.prepare('INSERT INTO facts (name, value) VALUES (?, ?)')
  const factOf = (name: string) => read.get(name)?.value
  if (factOf('claim-code') === undefined) {
    const code = drawCode()
    const hash = await hashPassword(code)
    write(() => {
      if (factOf('claim-code') !== undefined) return
      writeText(path, `${code}\n`)
      insert.run('claim-code', hash)
    })
  }
  const isClaimed = () => factOf('claimed') !== undefined
  const destroyText = () => rmSync(path, { force: true })
  if (isClaimed()) destroyText()
  return {
    isClaimed,
    text: () => (isClaimed() ? undefined : textIn(path)),
    hash: () => factOf('claim-code') ?? '',
    markClaimed: (at) => void insert.run('claimed', String(at)),
    destroyText,
  }
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** On disk before it returns, and whole. */
function writeText(path: string, text: string): void {
  const file = openSync(`${path}.new`, 'w', 0o600)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(`${path}.new`, path)
}
