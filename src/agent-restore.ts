// Secrets and keys that come with settings: all three, or none. What was there before is kept aside until the settings are in force.
//
//   DIR/restore.json   what was there, and how far it came: `bringing` (some may be new), `brought` (all are; the settings of `revision` come next)
//
// The order: restore.json (bringing), secrets and keys, restore.json (brought), the settings file, restore.json goes. A start that finds it goes back,
// unless all were there and the settings file has the revision that they belong to.
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeWhole } from './machine/whole-file.ts'
import { allSecrets, putSecrets } from './settings/secrets.ts'

export interface Brought {
  /** By name; those of other names stay. */
  readonly secrets: Readonly<Record<string, string>>
  /** Base64, by path below DIR. */
  readonly files: Readonly<Record<string, string>>
}

interface Undo {
  readonly state: 'bringing' | 'brought'
  /** Of the settings that they belong to. */
  readonly revision: string
  readonly secrets: Readonly<Record<string, string>>
  /** Null: there was none. */
  readonly files: Readonly<Record<string, string | null>>
}

const undoFile = (dir: string) => join(dir, 'restore.json')

/** Durable when it resolves. Where it rejects everything is as it was, or the next start makes it so. */
export async function bring(dir: string, revision: string, { secrets, files }: Brought): Promise<void> {
  const before = await allSecrets(dir)
  const there = await Promise.all(Object.keys(files).map(async (it) => [it, await base64Of(join(dir, it))] as const))
  const undo: Undo = { state: 'bringing', revision, secrets: before, files: Object.fromEntries(there) }
  await keep(dir, undo)
  try {
    for (const [path, content] of Object.entries(files)) await putFile(join(dir, path), content)
    await putSecrets(dir, { ...before, ...secrets }, writeWhole)
    await keep(dir, { ...undo, state: 'brought' })
  } catch (error) {
    await takeBack(dir, undo)
    throw error
  }
}

/** The settings are in force: what was there before is over. */
export async function settle(dir: string): Promise<void> {
  await rm(undoFile(dir), { force: true })
}

/** The settings are not in force after all, or a start comes upon it: `revision` is that of the settings file. */
export async function settleBrought(dir: string, revision: string): Promise<void> {
  const undo = await readUndo(dir)
  if (!undo) return
  if (undo.state === 'brought' && undo.revision === revision) await settle(dir)
  else await takeBack(dir, undo)
}

export async function takeBackBrought(dir: string): Promise<void> {
  const undo = await readUndo(dir)
  if (undo) await takeBack(dir, undo)
}

async function takeBack(dir: string, { secrets, files }: Undo): Promise<void> {
  for (const [path, content] of Object.entries(files))
    await (content === null ? rm(join(dir, path), { force: true }) : putFile(join(dir, path), content))
  await putSecrets(dir, secrets, writeWhole)
  await settle(dir)
}

const keep = (dir: string, undo: Undo) => writeWhole(undoFile(dir), JSON.stringify(undo), 0o600)

async function readUndo(dir: string): Promise<Undo | undefined> {
  const text = await readFile(undoFile(dir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as Undo)
}

async function putFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeWhole(path, Buffer.from(content, 'base64'), 0o600)
}

async function base64Of(path: string): Promise<string | null> {
  return readFile(path, 'base64').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}
