// The arrows between folders, as src/README.md states them, and a few habits that keep the tail short.
import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const src = join(root, 'src')
const LINES_MAX = 500

interface Import {
  readonly target: string
  /** Erased before it runs: cannot make a loop. */
  readonly isType: boolean
}

function filesOf(folder: string): string[] {
  const all = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return all.filter((it) => it.isFile() && /\.tsx?$/.test(it.name)).map((it) => relative(root, join(it.parentPath, it.name)))
}

const sources = filesOf('src').toSorted()
const texts = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1')
}

function importsOf(file: string): Import[] {
  const code = codeOf(texts.get(file) ?? '')
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^'"`;()]*?\sfrom\s*)?['"]([^'"]+)['"]/gm)
  const calls = code.matchAll(/(?:typeof\s+)?import\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"]([^'"]+\.tsx?)['"]/g)
  return [
    ...[...statements].map((it) => ({ target: it[2] ?? '', isType: it[1] !== undefined })),
    ...[...calls].map((it) => ({ target: it[1] ?? it[2] ?? '', isType: true })),
  ]
}

/** Of a relative import: the file below src/, without `.ts` or `.tsx`. */
function pathOf(file: string, target: string): string {
  return relative(src, normalize(join(root, dirname(file), target))).replace(/\.tsx?$/, '')
}

/** The line of the table that a file belongs to: `sources/mqtt/client` to `sources/x`, `sources/index` to `sources`. */
function folderOf(path: string, known: ReadonlySet<string>): string {
  const [first = '', second, third] = path.split('/')
  if (second === undefined) return 'roots'
  return third !== undefined && known.has(`${first}/x`) ? `${first}/${second}` : first
}

function tableOf(readme: string): Map<string, string[]> {
  const rows = readme.split('\n').filter((it) => it.startsWith('| ') && !it.startsWith('| folder'))
  const cells = rows.map((it) => it.split('|').map((cell) => cell.trim()))
  const words = (cell: string) => cell.split(',').map((it) => it.trim().replaceAll('`', ''))
  return new Map(cells.flatMap(([, folders = '', allowed = '']) => words(folders).map((it) => [it, words(allowed)] as const)))
}

const table = tableOf(readFileSync(join(src, 'README.md'), 'utf8'))
const known = new Set(table.keys())
const rowOf = (folder: string) => (table.has(folder) ? folder : `${folder.split('/')[0]}/x`)

function isAllowed(file: string, target: string): boolean {
  const from = folderOf(relative(src, join(root, file)), known)
  const allowed = table.get(rowOf(from)) ?? []
  if (allowed.includes('everything')) return true
  if (!target.startsWith('.')) {
    if (target.startsWith('node:')) return allowed.includes('Node') || allowed.includes(target)
    return allowed.includes('packages')
  }
  const path = pathOf(file, target)
  if (folderOf(path, known) === from) return true
  return allowed.some((it) => (it.endsWith('/*') ? path.startsWith(it.slice(0, -1)) : path === it || path.startsWith(`${it}/`)))
}

describe('imports', () => {
  test('every folder of src has its line in src/README.md', () => {
    const missing = sources.filter((file) => !table.has(rowOf(folderOf(relative('src', file), known))))
    expect(missing).toEqual([])
  })

  test('obey the table', () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((it) => !isAllowed(file, it.target))
        .map((it) => `${file} imports ${it.target}`),
    )
    expect(wrong).toEqual([])
  })

  test('name Node modules with their prefix', () => {
    const bare = sources.flatMap((file) =>
      importsOf(file)
        .filter((it) => builtinModules.includes(it.target))
        .map((it) => `${file} imports ${it.target}`),
    )
    expect(bare).toEqual([])
  })

  test('run in no loop', () => {
    expect(loopsOf()).toEqual([])
  })
})

function loopsOf(): string[] {
  const edges = new Map(
    sources.map((file) => [
      file,
      importsOf(file)
        .filter((it) => !it.isType && it.target.startsWith('.'))
        .map((it) => normalize(join(dirname(file), it.target))),
    ]),
  )
  const done = new Set<string>()
  const loops: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) loops.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    done.add(file)
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
  }
  for (const file of sources) visit(file, [])
  return loops
}

/** `file:line` of every line of code (comments left out) that matches. */
function matches(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) => {
    // Comments become empty lines of the same number, so that what is reported can be found.
    const code = (texts.get(file) ?? '').replaceAll(/\/\*[\s\S]*?\*\//g, (it) => it.replaceAll(/[^\n]/g, ''))
    const lines = code.split('\n').map((it) => it.replace(/(^|\s)\/\/.*$/, ''))
    return lines.flatMap((it, at) => (pattern.test(it) ? [`${file}:${at + 1} ${it.trim()}`] : []))
  })
}

describe('habits', () => {
  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const all = [...sources, ...filesOf('test')]
    const long = all.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > LINES_MAX + 1)
    expect(long).toEqual([])
  })

  test('shared code names no protocol and no destination', () => {
    const shared = sources.filter((file) => /^src\/(core|columns|pipeline|records|retention|log)\//.test(file))
    expect(shared.length).toBeGreaterThan(0)
    expect(matches(shared, /modbus|opcua|opc-ua|mqtt|sparkplug|kafka/i)).toEqual([])
  })

  test('nothing starts a shell', () => {
    const imported = matches(sources, /import\s*\{[^}]*\bexec(Sync)?\b[^}]*\}\s*from\s*['"]node:child_process['"]/)
    expect([...imported, ...matches(sources, /\bshell:\s*(true|['"])/)]).toEqual([])
  })

  test('the environment is read in settings and in roots only', () => {
    const others = sources.filter((file) => !/^src\/(settings\/|workers\/|[^/]+\.ts$)/.test(file))
    expect(matches(others, /\bprocess\.env\b/)).toEqual([])
  })
})
