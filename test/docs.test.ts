// Documents name only what exists: paths, make targets, npm scripts.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const GENERATED = new Set(['node_modules', 'run', '.cache', '.git'])

function documents(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((it) => {
    const path = join(folder, it.name)
    if (it.isDirectory()) return folder === root && GENERATED.has(it.name) ? [] : documents(path)
    return it.name.endsWith('.md') ? [path] : []
  })
}

const folders = new Set(
  ['.', 'src'].flatMap((it) =>
    readdirSync(join(root, it), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name),
  ),
)

/** What looks like a path of this repository: between backticks with a slash and a folder that we have, or the target of a link. */
function pathsIn(text: string): string[] {
  const spans = [...text.matchAll(/`([^`\s]+)`/g)].map((it) => it[1] ?? '')
  const named = spans.filter((it) => /^[\w.-]+(\/[\w.@-]+)+\/?$/.test(it) && folders.has(it.split('/')[0] ?? ''))
  const links = [...text.matchAll(/\]\(([^)#\s]+)/g)].map((it) => it[1] ?? '').filter((it) => !/^[a-z]+:/.test(it))
  return [...named, ...links].filter((it) => !GENERATED.has(it.split('/')[0] ?? '') && !it.endsWith('/x'))
}

function exists(document: string, path: string): boolean {
  const bases = [root, join(root, 'src'), dirname(document)]
  return bases.some((base) => existsSync(join(base, path)) || existsSync(`${join(base, path)}.ts`))
}

const targets = new Set([...readFileSync(join(root, 'Makefile'), 'utf8').matchAll(/^([a-z][a-z-]*):/gm)].map((it) => it[1]))
const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts as Record<string, string>

describe.each(documents().map((it) => [relative(root, it)]))('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8')

  test('names only paths that exist', () => {
    expect(pathsIn(text).filter((it) => !exists(join(root, document), it))).toEqual([])
  })

  test('names only make targets and npm scripts that exist', () => {
    const code = [...text.matchAll(/```[\s\S]*?```|`[^`]+`/g)].map((it) => it[0]).join('\n')
    const made = [...code.matchAll(/\bmake ([a-z][a-z-]*)/g)].map((it) => it[1] ?? '').filter((it) => !targets.has(it))
    const run = [...code.matchAll(/\bnpm run (?:--silent )?([a-z][a-z-]*)/g)]
      .map((it) => it[1] ?? '')
      .filter((it) => !(it in scripts))
    expect([...made, ...run]).toEqual([])
  })
})

test('every npm script that the Makefile calls exists', () => {
  const called = [...readFileSync(join(root, 'Makefile'), 'utf8').matchAll(/\$\(npm\) ([a-z][a-z-]*)/g)].map((it) => it[1] ?? '')
  expect(called.length).toBeGreaterThan(3)
  expect(called.filter((it) => !(it in scripts))).toEqual([])
})

test('every npm script that runs a file runs one that exists', () => {
  const files = Object.values(scripts).flatMap((it) => /(?:src|test)\/\S+\.ts/.exec(it)?.[0] ?? [])
  expect(files.length).toBeGreaterThan(3)
  expect(files.filter((it) => !existsSync(join(root, it)))).toEqual([])
})
