// Makes the application for one architecture: node images/application.ts ARCHITECTURE FOLDER
//
//   FOLDER/application/   the bundle          FOLDER/build/page/   the page, as the panel looks for it
//   FOLDER/node_modules/  native packages     FOLDER/package.json  name, version, build     FOLDER/node
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'vite'
import { buildOf } from './build-id.ts'
import { closureOf, isNeeded } from './closure.ts'
import { PACKAGES } from './vite.application.ts'

const root = join(import.meta.dirname, '..')
/** As npm packages call the architectures of Debian. */
const NPM_NAMES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' }

function copyPackages(to: string, cpu: string): void {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  for (const place of closureOf(lock, PACKAGES)) {
    const from = join(root, place)
    // What stands in a package's own node_modules is a place of its own.
    const isWanted = (within: string, path: string) =>
      !within.includes('node_modules') && (statSync(path).isDirectory() || isNeeded(within, cpu))
    cpSync(from, join(to, place), { recursive: true, filter: (path) => isWanted(relative(from, path), path) })
  }
  removeEmpty(join(to, 'node_modules'))
}

function removeEmpty(folder: string): void {
  for (const it of readdirSync(folder, { withFileTypes: true })) if (it.isDirectory()) removeEmpty(join(folder, it.name))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

/** The version of the lock file; that of another architecture than this machine's is fetched. */
async function copyNode(to: string, name: string): Promise<void> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockedNode
  const { version, integrity } = packages[`node_modules/${name}`] ?? {}
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no ${name}`)
  const here = join(root, 'node_modules', name, 'bin/node')
  const from = existsSync(here) ? here : await fetchNode(`${name}@${version}`, integrity)
  copyFileSync(from, to)
  chmodSync(to, 0o755)
}

interface LockedNode {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>
}

async function fetchNode(spec: string, integrity: string): Promise<string> {
  const cache = join(root, '.cache/images', spec)
  const run = promisify(execFile)
  if (existsSync(join(cache, 'package/bin/node'))) return join(cache, 'package/bin/node')
  mkdirSync(cache, { recursive: true })
  const { stdout } = await run('npm', ['pack', spec, '--silent', '--pack-destination', cache])
  const file = join(cache, stdout.trim())
  const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  if (found !== integrity) throw new Error(`${spec} is not what package-lock.json names: ${found}`)
  await run('tar', ['-C', cache, '-xzf', file])
  return join(cache, 'package/bin/node')
}

async function make(architecture: string, folder: string): Promise<void> {
  const cpu = NPM_NAMES[architecture]
  if (cpu === undefined) throw new Error(`there is no architecture ${architecture}: ${Object.keys(NPM_NAMES).join(', ')}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const configFile of ['vite.config.ts', 'images/vite.application.ts'])
    await build({ configFile: join(root, configFile), logLevel: 'warn' })
  cpSync(join(root, 'build/application'), join(folder, 'application'), { recursive: true })
  cpSync(join(root, 'build/page'), join(folder, 'build/page'), { recursive: true })
  copyPackages(folder, cpu)
  await copyNode(join(folder, 'node'), `node-linux-${cpu}`)
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>
  const about = { name, version, license, build: buildOf(folder), type: 'module' }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(about, null, 2)}\n`)
}

const [architecture = '', folder = ''] = process.argv.slice(2)
await make(architecture, folder)
