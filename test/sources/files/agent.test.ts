// The real agent: a folder of pictures and a folder of lines, report by exception beside it, and what is durable goes away.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueryRow } from '../../../src/core/agent-api.ts'
import type { FilePart } from '../../../src/core/file-parts.ts'
import { FILE_PART_BYTES, unpackFilePart } from '../../../src/core/file-parts.ts'
import { connectAgent } from '../../../src/local-api/client.ts'
import type { Agent, Site } from '../../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../../route/agent.ts'
import { until } from '../../route/until.ts'
import { csvLines } from './harness.ts'

let dir: string
let agent: Agent | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-files-agent-'))
})
afterEach(async () => {
  await agent?.end()
  rmSync(dir, { recursive: true, force: true })
})

const settings = (root: string) => `version: 1
classes: [{ name: process }, { name: pictures }]
sources:
  - name: lines
    protocol: files
    path: ${root}/lines
    every: 100ms
    settled: 200ms
    whenDone: move
    format: csv
    time: time
    tags: [{ tag: lines/value, column: value, class: process }]
    report: [{ swingingDoor: 0.5 }]
  - name: camera
    protocol: files
    path: ${root}/camera
    every: 100ms
    settled: 200ms
    whenDone: delete
    format: binary
    tag: camera/{file}
    class: pictures
`

async function query(site: Site, tag: string): Promise<QueryRow[]> {
  const rows: QueryRow[] = []
  for await (const it of connectAgent(site.data).query({ tag, from: 0, to: 4e15, limit: 1e6 }, new AbortController().signal))
    rows.push(it)
  return rows
}

test('pictures come whole, a line that rises is its two ends, and both files are taken away', { timeout: 120_000 }, async () => {
  for (const it of ['lines', 'camera']) mkdirSync(join(dir, it))
  const picture = randomBytes(9_000_000)
  writeFileSync(join(dir, 'camera', 'a.jpg'), picture)
  writeFileSync(join(dir, 'lines', 'a.csv'), `time,value\n${csvLines(0, 5_000)}`)
  const site = siteIn(dir, settings(dir))
  agent = await startAgent(site)
  await until(
    'both are taken away',
    async () => readdirSync(join(dir, 'camera')).length === 0 && existsSync(join(dir, 'lines/done/a.csv')),
    60_000,
  )
  const parts = (await query(site, 'camera/a')).map((it) => unpackFilePart(it.value as Uint8Array) as FilePart)
  expect(parts).toHaveLength(Math.ceil(picture.length / FILE_PART_BYTES))
  const whole = Buffer.concat(parts.toSorted((a, b) => a.part - b.part).map((it) => it.data))
  expect(createHash('sha256').update(whole).digest('hex')).toBe(parts[0]?.sha256)
  expect(whole.equals(picture)).toBe(true)

  const withheld = async () => (await agent?.status())?.sources.find((it) => it.name === 'lines')?.withheld
  await until('what is withheld is counted', async () => (await withheld()) === 4_998, 20_000)
  expect((await query(site, 'lines/value')).map((it) => it.value)).toEqual([0])
  const tested = await holdfast(site, ['sources', 'test', 'camera', '--data', site.data])
  expect(tested.out).toMatch(/FAILED +files .*nothing there fits/)
  const browsed = await holdfast(site, ['sources', 'browse', 'camera', '--data', site.data])
  expect([browsed.code, browsed.err]).toEqual([2, expect.stringContaining('nothing to look round in')])
  // A stop hands over what was held back.
  await agent.end()
  agent = await startAgent(site)
  expect((await query(site, 'lines/value')).map((it) => it.value)).toEqual([0, 4_999])
})
