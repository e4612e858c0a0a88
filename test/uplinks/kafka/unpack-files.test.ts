// Files in parts through a real Kafka, as blocks and as readings, and out again by the command.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FilePart } from '../../../src/core/file-parts.ts'
import { FILE_PART_BYTES, packFilePart } from '../../../src/core/file-parts.ts'
import { fileWriter } from '../../../src/uplinks/kafka/unpack/file-writer.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { holdfast } from '../../route/agent.ts'
import { NEVER, newTopics, settingsOf, settled } from './cluster.ts'
import { batchOf, CLOCK, contextOf, positionOf, rawStream, sliceOf } from './slices.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-unpack-files-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function partsOf(name: string, content: Buffer, modified = 1_700_000_000_000): FilePart[] {
  const parts = Math.max(1, Math.ceil(content.length / FILE_PART_BYTES))
  const head = { name, size: content.length, sha256: createHash('sha256').update(content).digest('hex'), parts, modified }
  return Array.from({ length: parts }, (_, part) => ({
    ...head,
    part,
    data: content.subarray(part * FILE_PART_BYTES, (part + 1) * FILE_PART_BYTES),
  }))
}

describe('parts', () => {
  test('in any order, some twice, several files at once; times are those of the files', () => {
    const contents = [randomBytes(900_000), Buffer.alloc(0), randomBytes(FILE_PART_BYTES)]
    const parts = contents.flatMap((content, n) => partsOf(`f${n}.bin`, content))
    const files = fileWriter(dir)
    for (const it of [...parts.toReversed(), ...parts.slice(0, 3)]) files.add(it)
    expect(files.end()).toEqual({ written: 3, there: 0, bytes: 1_100_000, foreign: 0, damaged: [], incomplete: [] })
    expect(readdirSync(dir).toSorted()).toEqual(['f0.bin', 'f1.bin', 'f2.bin'])
    for (const [n, content] of contents.entries()) expect(readFileSync(join(dir, `f${n}.bin`)).equals(content)).toBe(true)
    expect(statSync(join(dir, 'f0.bin')).mtimeMs).toBe(1_700_000_000_000)
  })

  test('another file of the same name is kept beside it; the same again is there already', () => {
    writeFileSync(join(dir, 'a.jpg'), 'of somebody else')
    const content = randomBytes(1_000)
    for (const there of [0, 1]) {
      const files = fileWriter(dir)
      for (const it of partsOf('a.jpg', content)) files.add(it)
      expect(files.end()).toMatchObject({ written: 1 - there, there })
    }
    expect(readFileSync(join(dir, 'a.jpg'), 'utf8')).toBe('of somebody else')
    expect(readdirSync(dir)).toHaveLength(2)
  })

  test('what is not what its hash says, or lacks a part, is named and not written', () => {
    const [first, ...rest] = partsOf('torn.bin', randomBytes(500_000)) as [FilePart, ...FilePart[]]
    const wrong = partsOf('wrong.bin', randomBytes(1_000)).map((it) => ({ ...it, data: randomBytes(1_000) }))
    const files = fileWriter(dir)
    for (const it of [...rest, ...wrong]) files.add(it)
    expect(files.end()).toMatchObject({
      written: 0,
      damaged: ['wrong.bin'],
      incomplete: [{ name: 'torn.bin', parts: 3, have: 2 }],
    })
    expect(readdirSync(dir)).toEqual([])
    expect(first.part).toBe(0)
  })

  test.each(['../out', '/etc/passwd', '..', '.', 'a/b', 'a\\b', '.parts', 'x'.repeat(300), 'a\0b'])(
    'the name %j is none',
    (name) => {
      const files = fileWriter(join(dir, 'in'))
      for (const it of partsOf(name, Buffer.from('x'))) files.add(it)
      expect(files.end()).toMatchObject({ written: 0, foreign: 1 })
      expect([readdirSync(dir), readdirSync(join(dir, 'in'))]).toEqual([['in'], []])
    },
  )
})

describe('through Kafka', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker({ portFrom: 26_340 })
    await createTopics(broker.bootstrap, 3)
    await settled(broker.bootstrap)
  })
  afterAll(() => broker?.down())

  test.each(['blocks', 'readings'] as const)('as %s: the command writes each file out once', async (records) => {
    const [telemetry, blocks] = [`files-${records}-telemetry`, `files-${records}-blocks`]
    await newTopics(broker.bootstrap, [telemetry, blocks], 3)
    const device = `camera-${records}`
    const stream = rawStream(device)
    const contents = [randomBytes(700_000), randomBytes(10)]
    const slice = sliceOf(stream, 0, (builder) => {
      const pictures = builder.series({ tag: 'camera/a', class: 'process', kind: 'bytes' })
      const other = builder.series({ tag: 'other', class: 'process', kind: 'double' })
      for (const [n, content] of contents.entries())
        for (const it of partsOf(`p${n}.jpg`, content)) {
          builder.addBytes(pictures, CLOCK.now(), packFilePart(it))
          builder.add(other, CLOCK.now(), n)
        }
      builder.addBytes(pictures, CLOCK.now(), new Uint8Array([1, 2, 3]))
    })
    const uplink = await kafka.open(settingsOf(broker.bootstrap, { topics: { ...TOPICS, telemetry, blocks } }), {
      ...contextOf(device),
      records,
    })
    await uplink.send(batchOf(slice), positionOf(1, stream, slice.slice.to), NEVER)
    await uplink.close()
    const site = { dir, settings: '', data: dir, env: {} }
    const args = [
      'unpack',
      '--files',
      join(dir, 'out'),
      '--brokers',
      broker.bootstrap,
      '--from',
      records === 'blocks' ? blocks : telemetry,
    ]
    const { code, out } = await holdfast(site, [...args, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({ written: 2, there: 0, bytes: 700_010, foreign: 0, damaged: [], incomplete: [] })
    for (const [n, content] of contents.entries()) expect(readFileSync(join(dir, 'out', `p${n}.jpg`)).equals(content)).toBe(true)
    expect((await holdfast(site, args)).out).toMatch(/0 files .* 2 were there already/)
  })
})
