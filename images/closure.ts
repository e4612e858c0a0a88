// Which folders of node_modules some packages need, by the lock file, and which of their files a device needs.

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Lock {
  readonly packages: Readonly<Record<string, Locked>>
}

/** Folders, in their order. Throws for a package that the lock file does not have. */
export function closureOf({ packages }: Lock, names: readonly string[]): string[] {
  const found = new Set<string>()
  const need = (name: string, from: string, isOptional: boolean): void => {
    const place = placeOf(packages, name, from)
    if (place === undefined) {
      if (isOptional) return
      throw new Error(`package-lock.json has no ${name}, which ${from || 'the application'} needs`)
    }
    if (found.has(place)) return
    found.add(place)
    const { dependencies = {}, optionalDependencies = {} } = packages[place] ?? {}
    for (const it of Object.keys({ ...dependencies, ...optionalDependencies })) need(it, place, it in optionalDependencies)
  }
  for (const it of names) need(it, '', false)
  return [...found].toSorted()
}

/** As Node looks: in the package's own folder, then in those around it. */
function placeOf(packages: Lock['packages'], name: string, from: string): string | undefined {
  const steps = from.split('/node_modules/')
  const around = steps.map((_, at) => steps.slice(0, steps.length - at).join('/node_modules/')).filter((it) => it !== '')
  return [...around.map((it) => `${it}/node_modules/${name}`), `node_modules/${name}`].find((it) => it in packages)
}

/** A file of a package, by its path within that: not the sources of native parts, nor what is for other systems or for tests. Licences stay. */
export function isNeeded(path: string, cpu: string): boolean {
  if (/(^|\/)licen[cs]e[^/]*$/i.test(path)) return true
  if (/\.(md|ts|map|gyp|cpp|cc|h|c)$/.test(path) || /(^|\/)(test|docs|benchmarks|examples|\.github)\//.test(path)) return false
  const native = /(?:^|\/)prebuilds\/(.+\.node)$/.exec(path)?.[1]
  return native === undefined || new RegExp(`^linux-${cpu}(\\.node|/.*glibc\\.node)$`).test(native)
}
