// The index of a bundle, by which a box fetches only what it lacks: node images/bundle-index.ts BUNDLE IMAGE → BUNDLE.index
//
//   IMAGE   what is in the bundle for the slot; what of it a box has can only be found in the bundle again where it lies there as it is
import { closeSync, createReadStream, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { makeIndex, parseIndex } from '../src/update/bundle-index.ts'
import { chunkId, chunksOf } from '../src/update/chunks.ts'
import { treePlace } from '../src/update/hash-tree.ts'

/** Where the image begins and ends, a chunk is cut in two. */
const LACKING_MAX = 4
/** What was signed lies there. */
const END_BYTES_MAX = 100_000

const [bundle = '', image = ''] = process.argv.slice(2)
const read = (file: string): AsyncIterable<Buffer> => createReadStream(file, { highWaterMark: 1_048_576 })
const tree = treePlace(endOf(bundle), statSync(bundle).size)
if (!tree) throw new Error(`${bundle}: no hash tree is where RAUC lays it`)
const file = await makeIndex(read(bundle), tree)
const index = parseIndex(file)
if (!index) throw new Error(`${bundle}: nothing that a slot takes`)
const ids = new Set(index.chunks.map(({ id }) => id))
let lacking = 0
for await (const chunk of chunksOf(read(image))) if (!ids.has(chunkId(chunk).toString('latin1'))) lacking++
if (lacking > LACKING_MAX) throw new Error(`${bundle}: ${lacking} chunks of ${image} are not in it as they are: it was packed`)
writeFileSync(`${bundle}.index`, file)
process.stdout.write(`${index.chunks.length} chunks, index of ${file.length} bytes\n`)

function endOf(path: string): Buffer {
  const { size } = statSync(path)
  const end = Buffer.alloc(Math.min(size, END_BYTES_MAX))
  const fd = openSync(path, 'r')
  readSync(fd, end, 0, end.length, size - end.length)
  closeSync(fd)
  return end
}
