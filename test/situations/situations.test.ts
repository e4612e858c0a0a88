// Each situation of the product has its settings: `check` takes them, all of it is in force, and the README says what shows that they do what they say.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Parts } from '../../src/commands/command.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { madeUpSecrets, situation, SITUATIONS, situations, situationText } from './read.ts'

const ROOT = join(SITUATIONS, '../..')
const COUNT = 10

const isValues = (file: string) => file.startsWith('values')
const filesOf = (name: string) => readdirSync(join(SITUATIONS, name)).filter((it) => it.endsWith('.yaml'))

/** Each file of settings with each file of values beside it. */
const CASES = situations().flatMap((name) => {
  const values = filesOf(name).filter(isValues)
  const settings = filesOf(name).filter((it) => !isValues(it))
  return settings.flatMap((file) => (values.length > 0 ? values : [undefined]).map((it) => ({ name, file, values: it })))
})

async function check(name: string, file: string, values?: string): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' }
  const output = (to: 'out' | 'err') => ({
    isTerminal: false,
    width: 80,
    write: (text: string) => Promise.resolve(void (texts[to] += text)),
  })
  const words = ['check', join(SITUATIONS, name, file), '--json', '--data', join(SITUATIONS, 'no-such-folder')]
  const status = await dispatch([...words, ...(values === undefined ? [] : ['--values', join(SITUATIONS, name, values)])], {
    out: output('out'),
    err: output('err'),
    env: madeUpSecrets(situationText(name, file)),
    signal: new AbortController().signal,
    parts: { schemas: async () => settingsSchemas } as Parts,
    version: '0',
    agent: () => handMadeAgent({}),
  })
  return { status, ...texts }
}

test.each(CASES)('$name/$file with $values: no problem, and all of it is in force', async ({ name, file, values }) => {
  const { status, out, err } = await check(name, file, values)
  expect({ status, err, ...JSON.parse(out) }).toMatchObject({ status: 0, err: '', ok: true, problems: [], notInForce: [] })
})

test('every file says what it is for', () => {
  for (const name of situations())
    for (const file of filesOf(name)) expect(situationText(name, file), `${name}/${file}`).toMatch(/^# [A-Z].{20}/)
})

test('a thousand boxes share one file: what differs is their values', () => {
  expect(situation('retail-store').device).toEqual({ id: 'hf-store-0412', site: 'hamburg-altona' })
  const text = situationText('smart-factory')
  for (const file of ['values.yaml', 'values-paint-shop.yaml']) {
    const [, id = ''] = /^id: (\S+)$/m.exec(situationText('smart-factory', file)) ?? []
    expect(id).toMatch(/^hf-/)
    expect(text).not.toContain(id)
  }
})

describe('the README', () => {
  const rows = readFileSync(join(SITUATIONS, 'README.md'), 'utf8')
    .split('\n')
    .filter((it) => it.startsWith('| ['))
    .map((line) => ({ line, name: /^\| \[[^\]]+\]\(([\w-]+)\)/.exec(line)?.[1] }))

  test('has a row for each folder, and a folder for each situation', () => {
    expect(rows.map((it) => it.name).toSorted()).toEqual(situations())
    expect(rows).toHaveLength(COUNT)
  })

  test.each(rows)('$name: its tests exist, and one of them reads its settings', ({ line, name }) => {
    const paths = [...line.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map((it) => it[1] as string)
    expect(paths.some((it) => it.endsWith('.test.ts'))).toBe(true)
    for (const it of paths) expect(existsSync(join(ROOT, it)), it).toBe(true)
    const readers = paths.filter((it) => new RegExp(`['/]${name}'`).test(readFileSync(join(ROOT, it), 'utf8')))
    expect(readers.length, `none of ${paths.join(', ')} reads ${name}`).toBeGreaterThan(0)
  })
})
