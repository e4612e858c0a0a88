// What an image is made of, as CycloneDX reads it: Debian's packages by the root's own list, npm's by the lock file.

interface Component {
  readonly type: 'library' | 'application'
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly { readonly license: { readonly name: string } }[]
  readonly hashes?: readonly { readonly alg: 'SHA-512'; readonly content: string }[]
}

interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly cpu?: string | readonly string[]
  readonly license?: string
  readonly integrity?: string
}

/** `status` of dpkg. */
export function debianComponents(status: string): Component[] {
  return status.split('\n\n').flatMap((entry) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(entry)?.[1] ?? ''
    if (!field('Status').endsWith(' installed')) return []
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')]
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=trixie`
    return [{ type: 'library' as const, name, version, purl }]
  })
}

/** What the application is made of on one processor: neither tools nor the runtime of another one. */
export function npmComponents(packages: Readonly<Record<string, LockedPackage>>, cpu: string): Component[] {
  const isThere = ([place, it]: [string, LockedPackage]) =>
    place !== '' && it.dev !== true && (it.cpu === undefined || [it.cpu].flat().includes(cpu))
  const found = Object.entries(packages).filter(isThere)
  return found.map(([place, { version = '', license, integrity = '' }]) => {
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const hash = /^sha512-(.+)$/.exec(integrity)?.[1]
    return {
      type: 'library' as const,
      name,
      version,
      purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      ...(license !== undefined && { licenses: [{ license: { name: license } }] }),
      ...(hash !== undefined && { hashes: [{ alg: 'SHA-512' as const, content: Buffer.from(hash, 'base64').toString('hex') }] }),
    }
  })
}

export function bill(image: { readonly name: string; readonly version: string }, components: readonly Component[]) {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'firmware', ...image } },
    components: components.toSorted((a, b) => (a.purl < b.purl ? -1 : 1)),
  }
}
