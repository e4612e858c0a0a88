import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { sparkplugSettings } from '../../../src/sources/sparkplug/settings.ts'

const secured = { url: 'mqtts://10.20.1.60:8883', user: 'gateway', password: { secret: 'hall' }, class: 'process' }

function problems(settings: object): string[] {
  const { error } = sparkplugSettings.safeParse(settings)
  return (error?.issues ?? []).map((it) => `${it.path.join('.')}: ${it.message}`)
}

test('the least, defaults filled in', () => {
  expect(sparkplugSettings.parse(secured)).toEqual({
    ...secured,
    version: '3.1.1',
    keepAlive: 30_000,
    packetBytesMax: 16_000_000,
    groups: [],
    metrics: [],
    tag: '{group}/{node}/{device}/{metric}',
  })
})

test('all keys', () => {
  const metrics = [
    { match: 'alarms/*', class: 'alarm', tag: 'a/{metric}' },
    { match: 'debug/*', skip: true },
  ]
  expect(problems({ ...secured, groups: ['plant'], host: 'hf-1', tag: '{node}/{metric}', metrics, version: 5 })).toEqual([])
})

describe('refused, with what is wrong and where', () => {
  test.each([
    [{ url: 'mqtt://h' }, /^url: nothing would be encrypted/],
    [{ groups: ['a/b'] }, /^groups\.0: must be a name without/],
    [{ host: '#' }, /^host: must be a name without/],
    [{ tag: '{group}/{metrik}/{metric}' }, /^tag: \{metrik\} is none of \{group\}/],
    [{ tag: '{group}' }, /^tag: \{metric\} is missing/],
    [{ tag: '{metric}}' }, /^tag: a \{ or \} stands alone/],
    [{ class: undefined }, /^class: nothing would be read/],
    [{ metrics: [{ match: 'x', skip: true, class: 'alarm' }] }, /^metrics\.0\.skip: what is skipped/],
    [{ subscribe: [] }, /subscribe/],
  ])('%j', (changed, expected) => {
    expect(problems({ ...secured, ...changed })).toEqual([expect.stringMatching(expected)])
  })
})

test('the example of its page', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../src/sources/sparkplug/README.md'), 'utf8')
  const { sources } = parse(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as { sources: [Record<string, unknown>] }
  const { name: _name, protocol, ...settings } = sources[0]
  expect(protocol).toBe('sparkplug')
  expect(problems(settings)).toEqual([])
})
