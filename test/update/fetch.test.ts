// A bundle by its index: what the box has is not fetched, what was fetched is not fetched twice, and whatever server, line and disk do, what comes of it is the bundle.
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeIndex, parseIndex } from '../../src/update/bundle-index.ts'
import { CHUNK_BYTES_MAX, chunkId, chunksOf } from '../../src/update/chunks.ts'
import { download } from '../../src/update/download.ts'
import { createFetch } from '../../src/update/fetch.ts'
import { treeBytes, treeOf, treePlace } from '../../src/update/hash-tree.ts'
import { indexBeside } from '../../src/update/index-fetch.ts'
import { JOIN_BYTES_MAX } from '../../src/update/ranges.ts'
import fc from '../prove/fast-check.ts'
import { until } from '../route/until.ts'
import { startChild } from '../run/child.ts'
import type { BundlesServer } from './bundles-server.ts'
import { bundlesServer } from './bundles-server.ts'
import { countedLine } from './counted-line.ts'
import { canUpdate } from './box.ts'
import { noise, vendor } from './signing.ts'

const PYTHON = join(import.meta.dirname, '../../.cache/venv/bin/python')
const IMAGE_BYTES = 3_000_000
const BUNDLE = '/2.0.0.raucb'
const sha = (it: Buffer) => createHash('sha256').update(it).digest('hex')

let dir: string
let server: BundlesServer
let said: string[]
/** The slot that runs has it; a bundle has something before and behind its image. */
let image: Buffer

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-fetch-'))
  server = await bundlesServer()
  said = []
  image = noise(1, IMAGE_BYTES)
  writeFileSync(join(dir, 'slot'), Buffer.concat([image, Buffer.alloc(50_000)]))
})
afterEach(() => {
  server.close()
  rmSync(dir, { recursive: true })
})

const bundleOf = (content: Buffer) => Buffer.concat([noise(2, 103), content, noise(3, 9_000)])
const edited = (at: number, text = 'one line'): Buffer => {
  const copy = Buffer.from(image)
  copy.write(text, at)
  return copy
}
const indexFor = (bundle: Buffer) => makeIndex(Readable.from([bundle]))

async function serve(bundle: Buffer, index?: Buffer | null): Promise<void> {
  server.files.set(BUNDLE, bundle)
  if (index !== null) server.files.set(`${BUNDLE}.index`, index ?? (await indexFor(bundle)))
}

const file = () => join(dir, 'bundle')
const fetching = () => createFetch((text) => void said.push(text))
let fetchIt = fetching()
const progress: [number, number | null][] = []
function run(promised: Buffer | null, url = server.url, device: string | undefined = join(dir, 'slot')): Promise<void> {
  const asked = { bytes: promised?.length ?? null, sha256: promised && sha(promised), request: {} }
  const index = { url: indexBeside(url), request: {} }
  progress.length = 0
  return fetchIt({ url, file: file(), device, index, ...asked }, (...it) => progress.push(it), AbortSignal.timeout(30_000))
}
beforeEach(() => void (fetchIt = fetching()))

const is = (bundle: Buffer) => expect(readFileSync(file()).equals(bundle)).toBe(true)
const sentOf = (path: string) => server.sent.filter((it) => it.path === path)
const bytesOf = (path: string) => sentOf(path).reduce((sum, { bytes }) => sum + bytes, 0)
/** What an edit of a few bytes may cost: the chunk that they are in, or two. */
const EDIT_BYTES_MAX = 2 * CHUNK_BYTES_MAX
/** Head and end of a bundle, which no slot has, each with what it shares a chunk with. */
const ENDS_BYTES_MAX = 9_103 + 2 * CHUNK_BYTES_MAX

test('from a server that somebody else wrote: one line costs what changed, all bytes on the line counted', async () => {
  const bundle = bundleOf(edited(2_900_000))
  writeFileSync(join(dir, '2.0.0.raucb'), bundle)
  writeFileSync(join(dir, '2.0.0.raucb.index'), await indexFor(bundle))
  const line = await countedLine(dir)
  await run(bundle, `${line.url}/2.0.0.raucb`)
  is(bundle)
  expect(line.bytes()).toBeGreaterThan(9_000)
  expect(line.bytes()).toBeLessThan(EDIT_BYTES_MAX + ENDS_BYTES_MAX + 10_000)
  expect(said).toEqual([expect.stringMatching(/^of 3\.01 MB, \d+(\.\d+)? kB are fetched: the rest is here$/)])
  await line.close()
})

test('a server that somebody else wrote, without ranges: whole, and said', async () => {
  const bundle = bundleOf(edited(100_000))
  writeFileSync(join(dir, '2.0.0.raucb'), bundle)
  writeFileSync(join(dir, '2.0.0.raucb.index'), await indexFor(bundle))
  const python = startChild(dir, 'server', PYTHON, ['-u', '-m', 'http.server', '0', '--bind', '127.0.0.1', '--directory', dir])
  const port = await until('it serves', () => /port (\d+)/.exec(readFileSync(python.logFile, 'utf8'))?.[1])
  await run(bundle, `http://127.0.0.1:${port}/2.0.0.raucb`)
  is(bundle)
  expect(said.at(-1)).toMatch(/^the bundle is fetched whole: 127.0.0.1:\d+ gives no parts of it$/)
  await python.kill()
})

test('cut again and again, the updater started anew each time: nothing is fetched twice, and the index once', async () => {
  const bundle = bundleOf(Buffer.concat([image.subarray(0, 1_000_000), noise(7, 900_000), image.subarray(1_000_000)]))
  await serve(bundle)
  let tries = 0
  for (; !existsSync(file()); tries++) {
    expect(tries).toBeLessThan(6)
    server.cutAfter = 300_000
    fetchIt = fetching()
    await run(bundle).catch((error: unknown) => expect(error).toMatchObject({ code: 'update-cut' }))
  }
  is(bundle)
  expect(tries).toBeGreaterThan(2)
  expect(sentOf(`${BUNDLE}.index`)).toHaveLength(1)
  // Of the chunk in which it was cut, the part that came is lost.
  expect(bytesOf(BUNDLE)).toBeLessThan(900_000 + ENDS_BYTES_MAX + EDIT_BYTES_MAX + (tries - 1) * CHUNK_BYTES_MAX)
  expect(progress[0]?.[1]).toBeLessThan(400_000)
  expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1])
})

test('begun whole, it goes on by the index that is there now', async () => {
  const bundle = bundleOf(edited(2_000_000))
  await serve(bundle)
  server.cutAfter = 1_500_000
  const whole = { url: server.url, file: file(), bytes: bundle.length, sha256: sha(bundle), request: {} }
  await expect(download(whole, () => undefined, AbortSignal.timeout(30_000))).rejects.toMatchObject({ code: 'update-cut' })
  await run(bundle, server.url, undefined)
  is(bundle)
  expect(bytesOf(BUNDLE)).toBeLessThan(bundle.length + CHUNK_BYTES_MAX)
})

test('no index, one that is damaged or of another bundle: whole, and said once however often it is cut', async () => {
  const bundle = bundleOf(edited(10))
  const index = await indexFor(bundle)
  const damaged = Buffer.from(index)
  damaged.writeUInt8(damaged.readUInt8(200) ^ 1, 200)
  const unknown = Buffer.from(index)
  unknown.writeUInt32LE(2, 8)
  const bad = [null, damaged, unknown, Buffer.from('<html>'), index.subarray(0, 1_000), await indexFor(bundleOf(edited(20)))]
  for (const [at, it] of bad.entries()) {
    server.files.clear()
    ;[server.missing, server.cutAfter, said, fetchIt] = [at === 0 ? 403 : 404, 1_000_000, [], fetching()]
    await serve(bundle, it)
    await expect(run(bundle)).rejects.toMatchObject({ code: 'update-cut' })
    await run(bundle)
    is(bundle)
    expect(said, `case ${at}`).toEqual([expect.stringMatching(/^the bundle is fetched whole: /)])
    rmSync(file())
  }
  // Cut, and gone on with: about once its length each time.
  expect(bytesOf(BUNDLE)).toBeLessThan(bad.length * bundle.length * 1.1)
})

test('an index that lies: what came by it is thrown away, the whole is fetched, and a restart does not begin that again', async () => {
  const bundle = bundleOf(edited(1_000_000, 'the truth'))
  // Of as many bytes, and nobody has promised a sum.
  await serve(bundle, await indexFor(bundleOf(edited(1_000_000, 'something else'))))
  server.cutAfter = 2_000_000
  await expect(run(null)).rejects.toMatchObject({ code: 'update-cut' })
  expect(said.at(-1)).toContain('fetched whole: the server sends what its index does not say')
  const before = sentOf(`${BUNDLE}.index`).length
  fetchIt = fetching()
  await run(null)
  is(bundle)
  expect(sentOf(`${BUNDLE}.index`)).toHaveLength(before)
  expect(bytesOf(BUNDLE)).toBeLessThan(bundle.length + EDIT_BYTES_MAX + ENDS_BYTES_MAX)
})

test('another bundle lies there in the middle of it: that one, and whole', async () => {
  const [one, two] = [bundleOf(noise(8, 1_000_000)), bundleOf(noise(9, 1_000_500))]
  await serve(one)
  server.cutAfter = 400_000
  await expect(run(null)).rejects.toMatchObject({ code: 'update-cut' })
  await serve(two)
  await run(null)
  is(two)
  expect(said.at(-1)).toContain('has another bundle there')
})

test('what lies in FILE.part or on the slot and is damaged there is fetched, and nothing beside it', async () => {
  const bundle = bundleOf(edited(2_900_000))
  await serve(bundle)
  const part = Buffer.from(bundle)
  part.write('bits that fell over', 1_500_000)
  writeFileSync(`${file()}.part`, part)
  await run(bundle, server.url, undefined)
  is(bundle)
  expect(bytesOf(BUNDLE)).toBeLessThan(EDIT_BYTES_MAX)
  rmSync(file())
  const slot = Buffer.from(image)
  slot.write('bits that fell over', 700_000)
  writeFileSync(join(dir, 'slot'), slot)
  server.sent.length = 0
  await run(bundle)
  is(bundle)
  expect(bytesOf(BUNDLE)).toBeLessThan(2 * EDIT_BYTES_MAX + ENDS_BYTES_MAX)
})

test('a slot that changes while it is read, one that is not there: never a wrong byte', async () => {
  const bundle = bundleOf(edited(2_900_000))
  await serve(bundle)
  const slot = openSync(join(dir, 'slot'), 'r+')
  const junk = noise(100, 5_000)
  const writer = setInterval(() => {
    for (let at = 0; at < IMAGE_BYTES; at += 300_000) writeSync(slot, junk, 0, 5_000, at + Math.floor(Math.random() * 290_000))
  }, 1)
  await run(bundle).finally(() => clearInterval(writer))
  closeSync(slot)
  is(bundle)
  rmSync(file())
  await run(bundle, server.url, join(dir, 'nowhere'))
  is(bundle)
  expect(said.at(-2)).toContain('the slot that runs cannot be read (ENOENT)')
})

test('the hash tree behind a bundle is worked out and not fetched; one that comes out otherwise is fetched', async () => {
  const salt = noise(5, 32)
  const data = noise(6, 12_582_912)
  const tree = await treeOf(Readable.from([data]), salt)
  const bundle = Buffer.concat([data, tree, noise(7, 1_000)])
  writeFileSync(join(dir, 'slot'), data)
  for (const by of [salt, noise(8, 32)]) {
    await serve(bundle, await makeIndex(Readable.from([bundle]), { dataBytes: data.length, salt: by }))
    server.sent.length = 0
    await run(bundle)
    is(bundle)
    rmSync(file())
    if (by === salt) expect(bytesOf(BUNDLE)).toBeLessThan(tree.length / 2)
    else expect(bytesOf(BUNDLE)).toBeGreaterThan(tree.length)
  }
})

test.skipIf(!canUpdate())('the hash tree is where the real RAUC lays it, and as it lays it', async () => {
  const made = vendor()
  try {
    const bundle = readFileSync(made.bundle({ version: '2.0.0', format: 'verity' }))
    const place = treePlace(bundle.subarray(-20_000), bundle.length)
    if (!place) expect.fail('it was not found')
    const { dataBytes, salt } = place
    const tree = await treeOf(Readable.from([bundle.subarray(0, dataBytes)]), salt)
    expect(tree.length).toBe(treeBytes(dataBytes))
    expect(bundle.subarray(dataBytes, dataBytes + tree.length).equals(tree)).toBe(true)
    const plain = readFileSync(made.bundle({ version: '2.0.0', format: 'plain' }))
    expect(treePlace(plain.subarray(-20_000), plain.length)).toBeUndefined()
  } finally {
    made.close()
  }
})

test('a server that is away for its index is waited for: nothing is fetched whole meanwhile', async () => {
  const bundle = bundleOf(image)
  await serve(bundle, null)
  server.missing = 503
  await expect(run(bundle)).rejects.toMatchObject({ name: 'Unreachable', code: 'update-refused' })
  expect(bytesOf(BUNDLE)).toBe(0)
})

test('whatever is edited, what comes is the bundle, by no more than the chunks that are lacking and what joins them', async () => {
  const edit = fc.record({
    at: fc.nat(399_999),
    out: fc.oneof(fc.constant(0), fc.nat(30_000)),
    seed: fc.nat(),
    into: fc.oneof(fc.nat(20), fc.nat(30_000)),
  })
  const base = noise(1, 400_000)
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 5 }), async (edits) => {
      let content = base
      for (const { at, out, seed, into } of edits)
        content = Buffer.concat([content.subarray(0, at), noise(seed, into), content.subarray(at + out)])
      const bundle = bundleOf(content)
      writeFileSync(join(dir, 'slot'), base)
      server.sent.length = 0
      await serve(bundle)
      await run(bundle)
      is(bundle)
      rmSync(file())
      const has = new Set<string>()
      for await (const chunk of chunksOf(Readable.from([base]))) has.add(chunkId(chunk).toString('latin1'))
      const all = parseIndex(server.files.get(`${BUNDLE}.index`) as Buffer)?.chunks ?? []
      const lacking = all.filter(({ id }) => !has.has(id))
      const bytes = lacking.reduce((sum, it) => sum + it.bytes, 0)
      expect(bytesOf(BUNDLE)).toBeGreaterThanOrEqual(new Set(lacking.map(({ id }) => id)).size > 0 ? 1 : 0)
      expect(bytesOf(BUNDLE)).toBeLessThanOrEqual(bytes + (lacking.length - sentOf(BUNDLE).length) * JOIN_BYTES_MAX)
      const changed = edits.reduce((sum, { into }) => sum + into, 0)
      expect(bytes).toBeLessThanOrEqual(changed + edits.length * 3 * CHUNK_BYTES_MAX + ENDS_BYTES_MAX)
    }),
    { numRuns: 40 },
  )
})
