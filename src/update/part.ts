// What of a bundle is on the disk, across tries, days and restarts.
//
//   FILE.part    its bytes so far: from the beginning, or, where it is put together by chunks, with holes
//   FILE.from    whose they are: address, length, what the server calls them, and the way they come
//   FILE.index   its index, of that address
//
// Always held: FILE is whole, and of the sum that was promised.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { z } from 'zod'

const from = z.object({
  url: z.string(),
  tag: z.string(),
  bytes: z.number().nullable(),
  /** chunks: there may be holes; whole: by its index it could not be put together, so nobody tries again. */
  way: z.enum(['chunks', 'whole']).optional(),
})
export type From = z.output<typeof from>

/** Undefined: not begun, or nobody knows whose bytes they are. */
export async function readFrom(file: string): Promise<From | undefined> {
  try {
    return from.parse(JSON.parse(await readFile(`${file}.from`, 'utf8')))
  } catch {
    return undefined
  }
}

export async function writeFrom(file: string, it: From): Promise<void> {
  const handle = await open(`${file}.from`, 'w', 0o600)
  await handle.writeFile(JSON.stringify(it))
  await handle.close()
}

/** Away with all that belongs to it. */
export async function forget(file: string): Promise<void> {
  for (const it of [file, `${file}.part`, `${file}.from`, `${file}.index`]) await rm(it, { force: true })
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer)
  return hash.digest('hex')
}
