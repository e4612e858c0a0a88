// Which build an application is: the settings that one has accepted are checked again by any other.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** SHA-256 of all that stands in a folder, names and contents; hex. */
export function buildOf(folder: string): string {
  const hash = createHash('sha256')
  const add = (name: string, content: string | Buffer) => hash.update(`${name}\0${content.length}\0`).update(content)
  const walk = (within: string): void => {
    const entries = readdirSync(join(folder, within), { withFileTypes: true })
    for (const it of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = join(within, it.name)
      if (it.isDirectory()) walk(name)
      else add(name, it.isSymbolicLink() ? readlinkSync(join(folder, name)) : readFileSync(join(folder, name)))
    }
  }
  walk('')
  return hash.digest('hex')
}
