// The manual as the page shows it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { licencesOf } from '../../vite.licences.ts'
import { manualOf } from '../../vite.manual.ts'
import { pageOfCode, plainText, search } from '../../src/page/pages/manual/manual.ts'

const manual = join(import.meta.dirname, '../../rootfs/usr/share/doc/holdfast/manual')
const english = manualOf(join(manual, 'en'))

describe('the manual', () => {
  test('begins with its start page, and has the page of every issue', () => {
    expect(english[0]?.name).toBe('index')
    expect(pageOfCode(english, 'uplink-fenced')?.name).toBe('codes-issues')
    expect(pageOfCode(english, 'exception-2')?.name).toBe('codes-sources')
    expect(pageOfCode(english, 'no-such-code')).toBeUndefined()
  })

  test('is HTML that runs nothing and leads to no other machine', () => {
    const html = [...english, ...manualOf(join(manual, 'de'))]
      .flatMap((it) => it.sections.map((section) => section.html))
      .join('\n')
    expect(html).not.toMatch(/<script|<img|<iframe|\son\w+=|javascript:|style=/i)
    expect([...html.matchAll(/href="([^"]*)"/g)].filter(([, to]) => !to?.startsWith('/about/manual/'))).toEqual([])
  })

  test('finds a code first by its own entry, and sections that have every word', () => {
    expect(search(english, 'uplink-fenced')[0]?.section.id).toBe('uplink-fenced')
    const found = search(english, 'terminating resistor')
    expect(found.map((it) => it.page.name)).toContain('network')
    for (const it of found) expect(plainText(it.section).toLowerCase()).toContain('resistor')
    expect(search(english, 'xyzzy')).toEqual([])
    expect(search(english, '  ')).toEqual([])
  })
})

test('the packages that the box carries have licences, and none is one that only builds it', () => {
  const all = licencesOf(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8'))
  expect(all.map((it) => it.name)).toEqual(expect.arrayContaining(['fastify', 'preact', 'zod']))
  expect(all.map((it) => it.name)).not.toContain('vitest')
  expect(all.filter((it) => it.licence === 'not named')).toEqual([])
})
