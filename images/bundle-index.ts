// The index of a bundle, by which a box fetches only what it lacks: node images/bundle-index.ts BUNDLE IMAGE → BUNDLE.index
//
//   IMAGE   what is in the bundle for the slot; what of it a box has can only be found in the bundle again where it lies there as it is
import { createReadStream, writeFileSync } from 'node:fs'
import { makeIndex, parseIndex } from '../src/update/bundle-index.ts'
import { chunkId, chunksOf } from '../src/update/chunks.ts'

/** Where the image begins and ends, a chunk is cut in two. */
const LACKING_MAX = 4

const [bundle = '', image = ''] = process.argv.slice(2)
const read = (file: string): AsyncIterable<Buffer> => createReadStream(file, { highWaterMark: 1_048_576 })
const file = await makeIndex(read(bundle))
const index = parseIndex(file)
if (!index) throw new Error(`${bundle}: nothing that a slot takes`)
const ids = new Set(index.chunks.map(({ id }) => id))
let lacking = 0
for await (const chunk of chunksOf(read(image))) if (!ids.has(chunkId(chunk).toString('latin1'))) lacking++
if (lacking > LACKING_MAX) throw new Error(`${bundle}: ${lacking} chunks of ${image} are not in it as they are: it was packed`)
writeFileSync(`${bundle}.index`, file)
process.stdout.write(`${index.chunks.length} chunks, index of ${file.length} bytes\n`)
