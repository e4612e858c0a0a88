// The manual has an entry for every code that an operator can meet, and none for a code that is gone.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMMON_OPTIONS } from '../../src/commands/help.ts'
import { COMMANDS } from '../../src/commands/index.ts'
import { codesIn, codesOf, wordsOf } from './codes.ts'

const root = join(import.meta.dirname, '../..')
const manual = join(root, 'rootfs/usr/share/doc/holdfast/manual')
const PARTS = { en: ['Means', 'Data meanwhile', 'Do'], de: ['Bedeutung', 'Daten inzwischen', 'Tun'] } as const
type Language = keyof typeof PARTS

const pagesOf = (language: Language) => readdirSync(join(manual, language)).filter((it) => it.endsWith('.md'))
const textOf = (language: Language, page: string) => readFileSync(join(manual, language, page), 'utf8')

/** By code: its text. */
function entriesOf(language: Language): Map<string, string> {
  const parts = pagesOf(language)
    .filter((it) => it.startsWith('codes-'))
    .flatMap((it) => textOf(language, it).split(/^### /m).slice(1))
  return new Map(parts.map((it) => [/^`([^`]+)`/.exec(it)?.[1] ?? '', it] as const))
}

describe('codes', () => {
  const codes = codesOf(root)
  const entries = entriesOf('en')

  test('are found where they stand', () => {
    for (const it of [
      'log-full',
      'timeout',
      'source-insecure',
      'agent-unreachable',
      'exception-n',
      'folder-unreadable',
      'window',
    ])
      expect([...codes.keys()]).toContain(it)
    expect(codesIn('src/x.ts', "throw new Unreachable('pump-dry', 'no water')")).toEqual(['pump-dry'])
    expect(codesIn('src/x.ts', "context.addIssue({ code: 'custom' })")).toEqual([])
  })

  test('have an entry in the manual', () => {
    const lacking = [...codes].filter(([it]) => !entries.has(it)).map(([it, paths]) => `${it} (${paths.join(', ')})`)
    expect(lacking, 'add an entry to a page codes-….md of the manual').toEqual([])
  })

  test('that are gone have none', () => {
    expect([...entries.keys()].filter((it) => !codes.has(it))).toEqual([])
  })

  test('stand in one entry each', () => {
    const all = pagesOf('en').flatMap((it) => [...textOf('en', it).matchAll(/^### `([^`]+)`$/gm)].map((match) => match[1]))
    expect(all.filter((it, at) => all.indexOf(it) !== at)).toEqual([])
  })

  test.each(Object.keys(PARTS) as Language[])('say what they mean, what becomes of the data, and what to do (%s)', (language) => {
    const short = [...entriesOf(language)].filter(([, text]) => !PARTS[language].every((it) => text.includes(`- **${it}:** `)))
    expect(short.map(([it]) => it)).toEqual([])
  })

  test('of the German pages are codes too', () => {
    const german = [...entriesOf('de').keys()]
    expect(german.length).toBeGreaterThan(10)
    expect(german.filter((it) => !codes.has(it))).toEqual([])
  })
})

test('a command that the manual names exists, with the options that stand behind it', () => {
  const named = (Object.keys(PARTS) as Language[]).flatMap((language) =>
    pagesOf(language).flatMap((page) => [...textOf(language, page).matchAll(/`holdfast ([^`]+)`/g)].map((it) => it[1] as string)),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((it) => !isCommand(it))).toEqual([])
  expect(isCommand('log mend')).toBe(false)
  expect(isCommand('forecast --online 30d')).toBe(false)
})

function isCommand(text: string): boolean {
  const found = COMMANDS.filter((it) => `${text} `.startsWith(`${it.name} `)).toSorted((a, b) => b.name.length - a.name.length)[0]
  if (!found || (found.arguments.length === 0 && /^ [a-z]/.test(text.slice(found.name.length)))) return false
  return [...text.matchAll(/--([a-z-]+)/g)].every(([, it = '']) => it in found.options || it in COMMON_OPTIONS)
}

test('every reason of the ledger and every note of a source is explained', () => {
  const words = textOf('en', 'words.md')
  const found = wordsOf(root)
  expect(found).toContain('too-large')
  expect(found.filter((it) => !words.includes(`\`${it}\``))).toEqual([])
})

describe.each(Object.keys(PARTS) as Language[])('pages (%s)', (language) => {
  test.each(pagesOf(language))('%s begins with its title, and its links lead somewhere', (page) => {
    const text = textOf(language, page)
    expect(text).toMatch(/^# \S/)
    const targets = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((it) => it[1] as string)
    expect(targets.filter((it) => !existsSync(join(manual, language, it)))).toEqual([])
  })

  test('all can be reached from the first one', () => {
    const reached = new Set(['index.md'])
    for (const page of reached)
      for (const [, target] of textOf(language, page).matchAll(/\]\(([^)#]+\.md)/g)) if (target !== undefined) reached.add(target)
    expect(pagesOf(language).filter((it) => !reached.has(it))).toEqual([])
  })
})
