// Who this box is when its settings do not say: an id that is drawn once and kept in DIR/identity.json.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import { isName, NAME_ALLOWED } from './names.ts'

/** The device id of a data directory; drawn and stored durably on the first call. Rejects with BadInput when the file holds something else. */
export async function deviceIdentity(dir: string): Promise<string> {
  const file = join(dir, 'identity.json')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? drawIdentity(dir, file) : idOf(text, file)
}

function idOf(text: string, file: string): string {
  try {
    const { id } = JSON.parse(text) as { id?: unknown }
    if (typeof id === 'string' && isName(id)) return id
  } catch {
    // Said below.
  }
  throw new BadInput([
    {
      where: file,
      text: `must hold {"id": …}, where the id ${NAME_ALLOWED}`,
      remedy: 'set device.id in the settings, or restore the file',
    },
  ])
}

async function drawIdentity(dir: string, file: string): Promise<string> {
  const id = `hf-${randomBytes(6).toString('hex')}`
  await mkdir(dir, { recursive: true })
  // Agent and panel start at the same time: who is first has drawn it for both.
  const drawn = `${file}.${id}.new`
  const handle = await open(drawn, 'w', 0o644)
  await handle.writeFile(`${JSON.stringify({ id })}\n`)
  await handle.sync()
  await handle.close()
  await link(drawn, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await rm(drawn)
  const folder = await open(dir, 'r')
  await folder.sync()
  await folder.close()
  return idOf(await readFile(file, 'utf8'), file)
}
