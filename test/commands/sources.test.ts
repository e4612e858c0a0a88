import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { sourceTable } from '../../src/commands/status-page.ts'
import type { SourceReport } from '../../src/core/status.ts'
import { statusNow } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

test('sources says how many readings were withheld, where there is anything to say', async () => {
  const [press, ...others] = statusNow().sources as [SourceReport, ...SourceReport[]]
  expect(sourceTable([press, ...others], 0, 80).join('\n')).not.toContain('WITHHELD')
  const rows = sourceTable([{ ...press, withheld: 12_345 }, ...others], 0, 80)
  expect(rows[0]).toMatch(/WITHHELD$/)
  expect(rows[1]).toMatch(/12,345$/)
  for (const it of rows) expect(it.length).toBeLessThanOrEqual(80)
})

test('browse shows name, value, unit, quality and node of each', async () => {
  const { status, out } = await runHere('sources browse press-3')
  expect(status).toBe(0)
  expect(out).toContain('Objects/Hall/ ')
  expect(out).toMatch(/Objects\/Hall\/Speed +21\.5 m\/s +Double +nsu=urn:acme:line;s=Speed/)
  expect(out).toContain('(bad)')
  expect(out).not.toContain('\u001b')
})

test('browse: one JSON document, and whether there is more', async () => {
  const { out } = await runHere('sources browse press-3 ns=1;s=Hall --limit 1 --json')
  expect(JSON.parse(out)).toMatchObject({ name: 'press-3', node: 'ns=1;s=Hall', more: true, entries: [{ name: 'Hall' }] })
})

test('browse --lines can be pasted into the settings', async () => {
  const { out } = await runHere('sources browse press-3 --lines')
  expect(parse(out)).toEqual([
    { tag: 'Hall/Speed', node: 'nsu=urn:acme:line;s=Speed', unit: 'm/s', class: 'default' },
    { tag: 'Broken', node: 'ns=1;s=Broken', class: 'default' },
  ])
})

test('trust: what waits, with fingerprint, subject and validity, and how to go on; then the one that is trusted', async () => {
  const { status, out } = await runHere('sources trust line-1')
  expect(status).toBe(0)
  expect(out).toMatch(/^7B:19:AA:C4:[\dA-F:]+\n {4}CN=line-1.*, O=Acme\n {4}valid 2026-01-02 to 2027-01-02\n/)
  expect(out.replaceAll(/\s+/g, ' ')).toContain('If it is the same: holdfast sources trust line-1 7B19AAC4')
  expect(out).not.toContain('\u001b')
  expect((await runHere('sources trust line-1 7B19AAC4')).out).toMatch(/^trusted from now on:\n7B:19/)
  expect((await runHere('sources trust hall-broker')).out).toBe('no certificate waits\n')
  expect(JSON.parse((await runHere('sources trust line-1 --json')).out)).toMatchObject({
    name: 'line-1',
    certificates: [{ state: 'rejected', validTo: '2027-01-02T03:04:05.000Z' }],
  })
})

test.each([
  ['sources trust', 2, /NAME is missing/],
  ['sources trust nobody', 2, /none of that name/],
  ['sources trust line-1 00112233', 2, /no rejected certificate/],
  ['sources browse', 2, /NAME is missing/],
  ['sources browse a b c', 2, /"c" is one argument too many/],
  ['sources browse press-3 --limit 0', 2, /from 1 to 99999/],
  ['sources browse nobody', 2, /none of that name/],
  ['sources browse press-3 --search nothing-like-it', 1, /^$/],
  ['sources scan', 2, /ADDRESS is missing/],
  ['sources scan 10.0.0.0/8', 2, /at most a \/22/],
  ['sources scan 10.0.0.9', 1, /^$/],
])('%s ends with %i', async (words, status, text) => {
  const ended = await runHere(words)
  expect(ended.status).toBe(status)
  expect(ended.err.trim()).toMatch(text)
})

test('scan: what was found, what was left alone, and the entry to paste', async () => {
  const { status, out } = await runHere('sources scan 10.0.0.0/29')
  expect(status).toBe(0)
  expect(out).toMatch(/10\.0\.0\.2:502\/1 +modbus-tcp +Acme PLC 3/)
  expect(out).toContain('source press-3 reads it')
  expect(parse(out.slice(out.indexOf('#')))).toEqual([
    { name: 'modbus-tcp-10-0-0-2-502-1', protocol: 'modbus-tcp', host: '10.0.0.2', unit: 1, every: '1s', tags: [] },
  ])
  const { asked, found } = JSON.parse((await runHere('sources scan 10.0.0.0/29 --json')).out)
  expect([asked, found.length]).toEqual([6, 1])
})
