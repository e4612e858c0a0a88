// What the box says of what went wrong, in German: by its code, else by its own sentence; what nobody has a sentence for stays as it is.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { stepsDe as steps } from '../../src/page/words/steps.de.ts'
import { saidDe } from '../../src/page/words/said.de.ts'

const ROOT = join(import.meta.dirname, '../..')
const stepsDe = steps as Readonly<Record<string, string>>
const german = saidDe as Readonly<Record<string, string>>
const manual = (name: string) => readFileSync(join(ROOT, `rootfs/usr/share/doc/holdfast/manual/en/codes-${name}.md`), 'utf8')
const codesIn = (text: string) => [...text.matchAll(/^### `([a-z-]+)`$/gm)].map(([, it]) => it as string)

let saidWords: typeof import('../../src/page/parts/said-text.ts').saidWords
let stepWords: typeof import('../../src/page/parts/step-text.ts').stepWords
let wordsOf: typeof import('../../src/page/parts/issue-text.ts').wordsOf
beforeAll(async () => {
  vi.stubGlobal('navigator', { language: 'de-DE', languages: ['de-DE'] })
  vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined })
  const { language } = await import('../../src/page/state/preferences.ts')
  language.value = 'de'
  const words = await import('../../src/page/words/index.ts')
  await words.loadWords()
  await words.loadMoreWords()
  stepWords = (await import('../../src/page/parts/step-text.ts')).stepWords
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

test('what is left out of old settings is named by its kind; refusals of a secret and of a reset have their sentence', () => {
  const leftOut = { kind: 'rule', name: 'hot', path: 'rules[0].when', text: 'is no expression' } as const
  expect(wordsOf({ code: 'settings-left-out', text: 'in English', remedy: 'x', leftOut }).text).toBe(
    'Regel hot läuft nicht: Diese Version nimmt die Einstellungen dafür nicht an: rules[0].when: is no expression',
  )
  for (const text of [
    'with this secret source a could not run: sources[0].ca: no',
    'an update is under way: nothing was erased',
  ]) {
    const said = saidWords({ text, remedy: 'in English' })
    expect(said.original).toBe(text)
    expect(said.remedy).not.toBe('in English')
  }
  expect(saidWords({ code: 'uplink-restarting', text: 'x' }).original).toBe('x')
})

test('steps of tests have a German name, and all that a probe says is said in German', () => {
  const sources = ['src/clients', 'src/sources', 'src/uplinks', 'src/notify', 'src/commands/probe.ts'].flatMap((it) =>
    filesIn(join(ROOT, it)),
  )
  const texts = sources.map((it) => readFileSync(it, 'utf8'))
  const names = texts.flatMap((it) => [...it.matchAll(/(?:\bstep: |[sS]tep\()'([^']+)'/g)].map(([, name]) => name as string))
  expect(new Set(names).size).toBeGreaterThan(15)
  // The same word in both languages.
  const asIs = new Set(['TLS', 'SHA-256', 'DNS', 'TCP', 'POST', 'PUBLISH', 'LOGIN', 'MAIL'])
  const hasName = (it: string) => asIs.has(it) || stepsDe[`stepName.${it.replaceAll(' ', '-')}`] !== undefined
  expect(names.filter((it) => !hasName(it))).toEqual([])

  const probe = readFileSync(join(ROOT, 'src/commands/probe.ts'), 'utf8')
  const advice = /remedy(?: =|:) '([^']+)'|^ {2}(?:if \(code === .*\) )?return '([^']{20,})'/gm
  const remedies = [...probe.matchAll(advice)].map(([, one, other]) => (one ?? other) as string)
  expect(remedies.length).toBeGreaterThan(9)
  const step = { step: 'name', ok: false, detail: 'a.example: ENOTFOUND' }
  expect(remedies.filter((remedy) => stepWords({ ...step, remedy }, true).remedy === remedy)).toEqual([])

  const details: readonly (readonly [boolean, string, string])[] = [
    [true, 'a.example is 10.0.0.1, 10.0.0.2', 'a.example ist 10.0.0.1, 10.0.0.2'],
    [false, 'a.example: ENOTFOUND', 'a.example: Den Namen kennt niemand.'],
    [true, '10.0.0.1 answers: 0.4 ms, 0 % lost', '10.0.0.1 antwortet: 0.4 ms, 0 % verloren'],
    [false, '10.0.0.1 does not answer', '10.0.0.1 antwortet nicht.'],
    [true, 'open, 1.2 ms', 'offen, 1.2 ms'],
    [false, 'ECONNREFUSED', 'Dort nimmt niemand Verbindungen an.'],
    [false, 'no answer in time', 'Es kommt keine Antwort.'],
    [true, 'for a.example (DNS:a.example) by Plant CA', 'für a.example (DNS:a.example), ausgestellt von Plant CA'],
    [
      true,
      'Nov 30 00:00:00 2026 GMT to Nov 30 00:00:00 2027 GMT, 365 days left',
      'Nov 30 00:00:00 2026 GMT bis Nov 30 00:00:00 2027 GMT, noch 365 Tage',
    ],
    [false, 'self-signed certificate', 'Es ist selbst ausgestellt: keine Stelle bürgt dafür.'],
    [true, 'TLSv1.3, TLS_AES_256_GCM_SHA384, 12 ms', 'TLSv1.3, TLS_AES_256_GCM_SHA384, 12 ms'],
  ]
  for (const [ok, detail, said] of details) expect(stepWords({ step: 'name', ok, detail }, true).detail).toBe(said)
  // What another test says of a far end is said as everywhere, with its own words beneath.
  expect(stepWords({ step: 'connect', ok: false, detail: 'nothing listens there', remedy: 'look' })).toEqual({
    step: 'Verbinden',
    detail: 'Dort nimmt niemand Verbindungen an.',
    remedy: 'Adresse und Port prüfen, und ob das Gegenüber läuft.',
    original: 'nothing listens there',
  })
})

const filesIn = (path: string): string[] =>
  path.endsWith('.ts')
    ? [path]
    : readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((it) => it.endsWith('.ts'))
        .map((it) => join(path, it))
