// Bundles of what `make images` made, as other versions, on a stick. Made once for an image.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const cache = join(import.meta.dirname, '../../.cache/images')

/** Of each version the files that lie over it. */
type Versions = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The folder in which VERSION.raucb lies for each, with its index. */
export function bundlesOf(board: string, versions: Versions): string {
  // Another test's version of the same number is another bundle.
  const name = createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, 12)
  const dir = join(cache, board, 'test', name)
  const since = statSync(join(cache, board, `out/holdfast-${board}.raucb`)).mtimeMs
  const isYoung = (path: string) => existsSync(path) && statSync(path).mtimeMs > since
  mkdirSync(dir, { recursive: true })
  for (const [version, over] of Object.entries(versions)) {
    const to = join(dir, `${version}.raucb`)
    if (!isYoung(to)) makeBundle(board, version, to, over)
  }
  return dir
}

/** The name of the stick's image, below .cache/images. */
export function stickWith(board: string, versions: Versions): string {
  const dir = bundlesOf(board, versions)
  const image = join(dir, 'stick.img')
  const files = Object.keys(versions).map((it) => join(dir, `${it}.raucb`))
  const since = Math.max(...files.map((it) => statSync(it).mtimeMs))
  const isYoung = (path: string) => existsSync(path) && statSync(path).mtimeMs >= since
  if (!isYoung(image)) run('stick.sh', `${image}.new`, ...files)
  if (existsSync(`${image}.new`)) renameSync(`${image}.new`, image)
  return relative(cache, image)
}

export interface Signer {
  readonly certificate: string
  readonly key: string
}

/** The bytes of a bundle with next to nothing in it. */
export function smallBundle(board: string, version: string, { certificate, key }: Signer): Buffer {
  const dir = join(cache, board, 'test')
  mkdirSync(dir, { recursive: true })
  const to = join(dir, 'small.raucb')
  run('small-bundle.sh', board, version, certificate, key, to)
  const bytes = readFileSync(to)
  rmSync(to)
  return bytes
}

function makeBundle(board: string, version: string, to: string, over: Readonly<Record<string, string>>): void {
  const folder = `${to}.over`
  mkdirSync(folder, { recursive: true })
  for (const [path, text] of Object.entries(over)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  run('bundle.sh', board, version, to, folder)
  rmSync(folder, { recursive: true })
}

const run = (script: string, ...args: string[]): void =>
  void execFileSync('bash', [join(import.meta.dirname, script), ...args], { stdio: 'ignore' })
