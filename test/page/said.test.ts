// What the box says of what went wrong, in German: by its code, else by its own sentence; what nobody has a sentence for stays as it is.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { saidDe } from '../../src/page/words/said.de.ts'

const ROOT = join(import.meta.dirname, '../..')
const german = saidDe as Readonly<Record<string, string>>
const manual = (name: string) => readFileSync(join(ROOT, `rootfs/usr/share/doc/holdfast/manual/en/codes-${name}.md`), 'utf8')
const codesIn = (text: string) => [...text.matchAll(/^### `([a-z-]+)`$/gm)].map(([, it]) => it as string)

let saidWords: typeof import('../../src/page/parts/said-text.ts').saidWords
let wordsOf: typeof import('../../src/page/parts/issue-text.ts').wordsOf
beforeAll(async () => {
  vi.stubGlobal('navigator', { language: 'de-DE', languages: ['de-DE'] })
  vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined })
  const { language } = await import('../../src/page/state/preferences.ts')
  language.value = 'de'
  await (await import('../../src/page/words/index.ts')).loadWords()
  saidWords = (await import('../../src/page/parts/said-text.ts')).saidWords
  wordsOf = (await import('../../src/page/parts/issue-text.ts')).wordsOf
})

test('each code of the manual that a source can show has its sentence', () => {
  /** Of looking round and of scans: they stand in their own dialogs. */
  const elsewhere = new Set(['line-settings-differ', 'browse-failed', 'rebirth-unanswered', 'scan-running', 'scan-failed'])
  const codes = codesIn(manual('sources')).map((it) => it.replace(/-n$/, ''))
  expect(codes.length).toBeGreaterThan(50)
  expect(codes.filter((it) => !elsewhere.has(it) && it !== 'mqtt' && german[`said.${it}`] === undefined)).toEqual([])
})

test('every sentence that Kafka, the updater and the ways out have is known by its beginning', () => {
  const texts = (file: string, of: RegExp) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(of)].map(([, it]) => it as string)
  const kafka = texts('src/clients/kafka/explain.ts', /\[\s*'(?:[a-z-]+)',\s*["'](.+?)["'](?:,|\])/g)
  expect(kafka.length).toBeGreaterThan(20)
  const strange = kafka.filter((it) => saidWords({ text: it }).original === undefined)
  expect(strange.length, strange.join('\n')).toBeLessThan(5)
  const course = [
    'the data path is well',
    'the data path is well, but for uplink cloud: took nothing before either (waiting)',
    'not well in its time: source press-3: down, no reading yet',
    'the new version did not come up: the one before runs',
    'the bundle is refused: signature verification failed: Verify error:self-signed certificate',
    'version 1.0.0 is older than 2.0.0, which this box has had',
    'it ended after 1 MB of 3 MB',
    'taken back by anna',
  ]
  expect(course.filter((it) => saidWords({ text: it }).original === undefined)).toEqual([])
})

test('code before sentence; a number of the protocol is no other code; a name before it stays', () => {
  expect(saidWords({ code: 'refused', text: 'connect ECONNREFUSED 10.0.0.1:502', remedy: 'check it' })).toEqual({
    text: 'Dort nimmt niemand Verbindungen an.',
    remedy: 'Adresse und Port prüfen, und ob das Gegenüber läuft.',
    original: 'connect ECONNREFUSED 10.0.0.1:502',
  })
  expect(saidWords({ code: 'exception-2', text: 'illegal data address' }).text).toBe('Das Gerät lehnt eine Abfrage ab.')
  expect(saidWords({ text: 'alarm: eth9 is down' })).toMatchObject({ text: 'alarm: Die Schnittstelle ist nicht verbunden.' })
  expect(saidWords({ text: 'something new', remedy: 'look' })).toEqual({
    text: 'something new',
    remedy: 'look',
    original: undefined,
  })
})

test('an issue says its detail in German, and in its own words after it', () => {
  const issue = {
    code: 'uplink-waiting',
    text: 'Uplink cloud is waiting: nothing listens there (connect ECONNREFUSED)',
    remedy: 'x',
  }
  expect(wordsOf(issue)).toMatchObject({
    text: 'Uplink cloud wartet: Dort nimmt niemand Verbindungen an. (nothing listens there (connect ECONNREFUSED))',
    remedy: 'Adresse und Port prüfen, und ob das Gegenüber läuft.',
  })
})
