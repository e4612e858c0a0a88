import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { runHere } from './surroundings.ts'

const SETTINGS = `# The hall's first box.
version: 1
classes: [{ name: process }]   # one is enough
sources:
  - name: press-3
    protocol: modbus-tcp
    host: 10.20.1.40
    every: 1s
    tags:
      # The hot end.
      - { tag: hall-1/a, register: "holding:100", type: float32, unit: "°C", class: process } # as in the drawing
      - { tag: hall-1/b, register: "holding:102", type: int16, class: process }
      # Not wired any more.
      - { tag: hall-1/c, register: "holding:103", type: int16, class: process }
  - { name: other, protocol: modbus-tcp, host: h, every: 1s, tags: [{ tag: x, register: "coil:1", type: bool, class: process }] }
`
const TABLE = `tag;register;type;scale;class
hall-1/a;holding:100;float32;;process
hall-1/b;holding:104;int16;0,5;process
hall-1/d;holding:110;uint16;;process
`

let dir: string
let files: { settings: string; table: string }
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-tags-'))
  files = { settings: join(dir, 's.yaml'), table: join(dir, 't.csv') }
  writeFileSync(files.settings, SETTINGS)
  writeFileSync(files.table, TABLE)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const run = (more = '', name = 'press-3') =>
  runHere(`sources tags ${name} ${files.table} --settings ${files.settings} --data ${dir} ${more}`.trim())
const now = () => readFileSync(files.settings, 'utf8')

test('the preview says what would come, change and go, and writes nothing', async () => {
  const { status, out } = await run()
  expect(status).toBe(0)
  expect(out.split('\n')).toEqual([
    '+ hall-1/d',
    '~ hall-1/b: register "holding:102" → "holding:104", scale (none) → 0.5',
    '- hall-1/c',
    '1 added, 1 changed, 1 removed, 1 as they were',
    'nothing is written; --write does',
    '',
  ])
  expect(now()).toBe(SETTINGS)
})

test('--write puts them in; comments, keys without a column and the other source stay', async () => {
  const { status } = await run('--write')
  expect(status).toBe(0)
  const text = now()
  for (const comment of ["# The hall's first box.", '# one is enough', '# The hot end.', '# as in the drawing'])
    expect(text).toContain(comment)
  const { sources } = parse(text) as { sources: { tags: unknown[] }[] }
  expect(sources[0]?.tags).toEqual([
    { tag: 'hall-1/a', register: 'holding:100', type: 'float32', unit: '°C', class: 'process' },
    { tag: 'hall-1/b', register: 'holding:104', type: 'int16', class: 'process', scale: 0.5 },
    { tag: 'hall-1/d', register: 'holding:110', type: 'uint16', class: 'process' },
  ])
  expect(sources[1]).toEqual((parse(SETTINGS) as typeof sources & { sources: unknown[] }).sources[1])
  // Each line of tags is a line still.
  expect(text.split('\n').filter((it) => it.includes('tag: hall-1/'))).toHaveLength(3)
  const again = await run('--write --json')
  expect(JSON.parse(again.out)).toMatchObject({ added: [], changed: [], removed: [], unchanged: 3, written: true })
  expect(now()).toBe(text)
})

test('--merge keeps what the table does not name', async () => {
  const { out } = await run('--merge --json')
  expect(JSON.parse(out)).toMatchObject({ added: ['hall-1/d'], removed: [], unchanged: 2 })
})

test('what a spreadsheet pastes: tabs, quotes, carriage returns, the old code page', async () => {
  const text = 'tag\tregister\ttype\tunit\tclass\r\n"hall-1/a"\tholding:100\tfloat32\t°C\tprocess\r\n\r\n'
  writeFileSync(files.table, Buffer.from(text, 'latin1'))
  const { out } = await run('--merge --json')
  expect(JSON.parse(out)).toMatchObject({ added: [], changed: [], unchanged: 3 })
})

test('each problem has its line and column in the table, and nothing is written', async () => {
  writeFileSync(
    files.table,
    'tag,register,type,class,colour\na,holding:1,int17,process,\nb,holding:x,int16,none,\nx,coil:2,bool,process,red\n',
  )
  const { status, err } = await run('--write')
  expect(status).toBe(2)
  const found = err.split('\n').filter((it) => it.includes('error'))
  expect(found).toHaveLength(5)
  expect(found[0]).toMatch(/t\.csv:2:3 type: allowed is bool/)
  expect(found[1]).toMatch(/t\.csv:3:2 register: allowed is coil:/)
  expect(found[2]).toMatch(/t\.csv:3:4 class: there is no class "none"/)
  expect(err).toMatch(/t\.csv:4:5 colour: unknown key/)
  expect(err).toMatch(/sources\[1\]\.tags\[0\]\.tag: the tag "x" stands here twice/)
  expect(now()).toBe(SETTINGS)
})

test('what is wrong elsewhere in the settings, and was before, is counted', async () => {
  writeFileSync(files.settings, SETTINGS.replace('host: h,', 'hots: h,'))
  const { status, out } = await run()
  expect([status, out]).toEqual([0, expect.stringMatching(/has 2 problems elsewhere: holdfast check/)])
})

test.each([
  ['', /has no column "tag"/],
  ['register,type\n', /has no column "tag"/],
  ['tag,tag\n', /two columns "tag"/],
  ['tag,type\n', /has no lines/],
  ['tag,type\n,int16\n', /t\.csv:2: has no tag/],
  ['tag,type\na,"int16\n', /t\.csv:2: a quote is not closed/],
  ['tag,type\na,int16,x\n', /t\.csv:2: has more fields/],
  ['tag,type\na,int16\na,int32\n', /t\.csv:3: the tag "a" stands in line 2 too/],
])('the table %j is refused', async (table, text) => {
  writeFileSync(files.table, table)
  const { status, err } = await run()
  expect(status).toBe(2)
  expect(err).toMatch(text)
})

test('a source that is not there, settings that are no YAML', async () => {
  expect((await run('', 'nobody')).err).toMatch(/has no source "nobody"; there are: press-3, other/)
  writeFileSync(files.settings, 'a: [')
  expect((await run()).err).toMatch(/is not valid YAML/)
  expect((await runHere(`sources tags a ${files.table}`)).err).toMatch(/--settings: is needed/)
})

test('a source without tags gets its first', async () => {
  writeFileSync(files.settings, SETTINGS.replace(/tags:\n(.*\n)*? {2}- \{ name: other/, 'tags: []\n  - { name: other'))
  await run('--write')
  expect((parse(now()) as { sources: { tags: unknown[] }[] }).sources[0]?.tags).toHaveLength(3)
})
