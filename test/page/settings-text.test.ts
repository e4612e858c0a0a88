// Edits of the settings' text, as forms and the grid make them; and the words of both languages.
import { describe, expect, test } from 'vitest'
import { BadInput } from '../../src/core/errors.ts'
import { draftOf, entryFrom } from '../../src/page/pages/sources/draft.ts'
import { PROTOCOLS } from '../../src/page/pages/sources/form-spec.ts'
import { gridRows } from '../../src/page/pages/tags/grid-rows.ts'
import { classNames, entriesOf, entryOf, putEntry, putValues, removeEntry } from '../../src/page/settings-text/entries.ts'
import { mergeTags, removeTags, tableIntoTags, tagLines, tagsAsCsv } from '../../src/page/settings-text/tags.ts'
import { de } from '../../src/page/words/de.ts'
import { en } from '../../src/page/words/en.ts'
import { moreDe } from '../../src/page/words/more.de.ts'
import { moreEn } from '../../src/page/words/more.en.ts'
import { sourcesDe } from '../../src/page/words/sources.de.ts'
import { sourcesEn } from '../../src/page/words/sources.en.ts'
import { updateDe } from '../../src/page/words/update.de.ts'
import { updateEn } from '../../src/page/words/update.en.ts'

const TEXT = `version: 1
# first is most valuable
classes:
  - { name: alarm } # never without
  - { name: process }
sources:
  # the old press
  - name: press-3
    protocol: modbus-tcp
    host: 10.20.1.40 # hall 1
    every: 1s
    tags:
      - { tag: press-3/temperature, register: "holding:100", type: float32, unit: "°C", class: process } # above the die
      - { tag: press-3/running, register: "coil:7", class: alarm }
`

describe('an entry', () => {
  test('that a form changes keeps its comments, its order and what the form does not know', () => {
    const spec = PROTOCOLS['modbus-tcp'] as (typeof PROTOCOLS)[string]
    const entry = { ...entryOf(TEXT, 'sources', 'press-3'), report: { every: '1h' } }
    const draft = draftOf(entry, spec, false)
    const made = entryFrom({ ...draft, values: { ...draft.values, every: '2s', port: '1502', timeout: '' } }, spec, entry, {})
    expect(made).toMatchObject({ every: '2s', port: 1502, report: { every: '1h' } })
    const text = putEntry(TEXT, 'sources', 'press-3', { ...entryOf(TEXT, 'sources', 'press-3'), every: '2s', port: 1502 })
    expect(text).toBe(TEXT.replace('every: 1s', 'every: 2s').trimEnd() + '\n    port: 1502\n')
  })

  test('comes to a file that has none, and goes again', () => {
    const text = putEntry('version: 1\n', 'sources', undefined, { name: 'a', protocol: 'mqtt' })
    expect(entriesOf(text, 'sources')).toEqual([{ name: 'a', protocol: 'mqtt' }])
    expect(entriesOf(removeEntry(text, 'sources', 'a'), 'sources')).toEqual([])
    expect(classNames('version: 1\n')).toEqual(['default'])
    expect(classNames(TEXT)).toEqual(['alarm', 'process'])
    expect(putValues('version: 1\n', [[['device', 'site'], 'works 7']])).toBe('version: 1\ndevice:\n  site: works 7\n')
  })
})

describe('lines of tags', () => {
  test('are merged by name; a comment beside a line stays', () => {
    const text = mergeTags(TEXT, 'press-3', [{ tag: 'press-3/temperature', unit: 'K' }])
    expect(text).toBe(TEXT.replace('unit: "°C"', 'unit: "K"'))
  })

  test('come from a table and go into one that says the same', () => {
    const lines = tagLines(TEXT).map((it) => it.line)
    expect(tableIntoTags(TEXT, 'press-3', tagsAsCsv(lines), false)).toBe(TEXT)
    expect(() => tableIntoTags(TEXT, 'press-3', 'register\nholding:1', true)).toThrow(BadInput)
    const left = tagLines(removeTags(TEXT, 'press-3', new Set(['press-3/running'])))
    expect(left.map((it) => it.line['tag'])).toEqual(['press-3/temperature'])
  })

  test('that stand for many are found by the tags they make', () => {
    const line = { source: 's', line: { tag: 'm-{n}/current', count: 8 } }
    const live = (tag: string) =>
      ({ source: 's', tag, time: 1, received: 1, kind: 'double', value: 1, quality: 'good', status: 0, class: 'c' }) as const
    const rows = gridRows([line, { source: 's', line: { tag: 'quiet' } }], [live('m-3/current'), live('other')])
    expect(rows.map((it) => [it.tag, it.line?.line['tag']])).toEqual([
      ['m-3/current', 'm-{n}/current'],
      ['other', undefined],
      ['quiet', 'quiet'],
    ])
  })
})

test('no word stands in two files: the one that is loaded later would win', () => {
  const keys = [en, moreEn, sourcesEn, updateEn].flatMap((it) => Object.keys(it))
  expect(keys.filter((it, at) => keys.indexOf(it) !== at)).toEqual([])
})

test('both languages fill in the same places', () => {
  const places = (text: string) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((it) => it[1]))].toSorted()
  const pairs = [
    [en, de],
    [moreEn, moreDe],
    [sourcesEn, sourcesDe],
    [updateEn, updateDe],
  ] as readonly (readonly [Record<string, string>, Record<string, string>])[]
  for (const [english, german] of pairs)
    for (const [key, text] of Object.entries(english)) expect([key, places(german[key] ?? '')]).toEqual([key, places(text)])
})
