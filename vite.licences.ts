// The packages that the box carries, with their licences, from the lock file: `virtual:licences`.
import { readFileSync } from 'node:fs'
import type { Plugin } from 'vite'
import type { Licence } from './src/page/pages/about/licences.ts'

const ID = 'virtual:licences'

export function licencePages(lockFile: string): Plugin {
  return {
    name: 'licences',
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? `export default ${JSON.stringify(licencesOf(readFileSync(lockFile, 'utf8')))}` : undefined),
  }
}

interface Locked {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
}

/** Where the package's own description says nothing: what its files say. */
const SAID_ELSEWHERE: Readonly<Record<string, string>> = { precond: 'MIT' }

/** Those of development stay where the box is built. */
export function licencesOf(lock: string): Licence[] {
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, Locked>> }
  const all = Object.entries(packages).flatMap(([path, { version, license, dev }]): Licence[] => {
    const name = path.split('node_modules/').at(-1) ?? ''
    return name === '' || dev === true || version === undefined
      ? []
      : [{ name, version, licence: license ?? SAID_ELSEWHERE[name] ?? 'not named' }]
  })
  const known = new Map(all.map((it) => [`${it.name} ${it.version}`, it]))
  return [...known.values()].toSorted((a, b) => a.name.localeCompare(b.name))
}
