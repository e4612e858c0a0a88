// Secrets by name: DIR/secrets.json, readable by the agent's user alone; for development and CI also the environment.
import { access, constants, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'

const FILE = 'secrets.json'
const SEALED_REMEDY = 'start the agent and let it do this (console: Restart), or do it as root'
const OF_AGENT = 'only the user of the agent may read the secrets'

export interface SecretStore {
  /** Undefined when there is none of that name. */
  get(name: string): string | undefined
}

/** Of a data directory. */
export interface OwnSecrets extends SecretStore {
  /** Names of those in the store itself, in their order. */
  readonly stored: readonly string[]
}

/** The environment's variables that are secrets begin so. */
export const SECRET_VARIABLES = 'HOLDFAST_SECRET_'

/** `line-1` → `HOLDFAST_SECRET_LINE_1`. Two names may meet: settings that use both are refused. */
export function secretVariable(name: string): string {
  return `${SECRET_VARIABLES}${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
}

/** The store's own entry wins over the environment. A missing file is an empty store. Rejects with BadInput when the file is open to others or not a map of texts. */
export async function openSecrets(dir: string, env: Readonly<Record<string, string | undefined>>): Promise<OwnSecrets> {
  const stored = await readStored(join(dir, FILE))
  return {
    stored: Object.keys(stored).toSorted(),
    get: (name) => (Object.hasOwn(stored, name) ? stored[name] : env[secretVariable(name)]),
  }
}

/** What stands for each secret where nobody here may read them: settings can be looked at with it, and no more. */
const SEALED = '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----'

export interface SealedSecrets extends SecretStore {
  readonly isSealed: boolean
}

/** For who looks at settings only: as `openSecrets`, and where the file is another user's a stand-in for each. */
export async function lookAtSecrets(dir: string, env: Readonly<Record<string, string | undefined>>): Promise<SealedSecrets> {
  const isSealed = await access(join(dir, FILE), constants.R_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'EACCES',
  )
  if (!isSealed) return { isSealed, ...(await openSecrets(dir, env)) }
  return { isSealed, get: (name) => env[secretVariable(name)] ?? SEALED }
}

/** With a text, the entry is made or replaced; without one it goes. `write` replaces a file as a whole. Rejects as `openSecrets` does. */
export async function changeSecret(
  dir: string,
  name: string,
  text: string | undefined,
  write: (path: string, text: string, mode: number) => Promise<void>,
): Promise<void> {
  const file = join(dir, FILE)
  const { [name]: old, ...others } = await readStored(file)
  if (text === undefined && old === undefined) refuse(name, 'there is no secret of this name in the store')
  await write(file, textOf(text === undefined ? others : { ...others, [name]: text }), 0o600)
}

/** Of the store alone. Rejects as `openSecrets` does. */
export async function allSecrets(dir: string): Promise<Readonly<Record<string, string>>> {
  return readStored(join(dir, FILE))
}

/** In place of all that the store has. `write` replaces a file as a whole. */
export async function putSecrets(
  dir: string,
  all: Readonly<Record<string, string>>,
  write: (path: string, text: string, mode: number) => Promise<void>,
): Promise<void> {
  await write(join(dir, FILE), textOf(all), 0o600)
}

const textOf = (all: Readonly<Record<string, string>>) => `${JSON.stringify(all, undefined, 1)}\n`

async function readStored(file: string): Promise<Record<string, string>> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return {}
  if ((found.mode & 0o077) !== 0) refuse(file, 'others than its owner may read it', `chmod 600 ${file}`)
  const content = parse(await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => refuse(file, ...unreadable(error))))
  if (!isMapOfTexts(content)) refuse(file, 'not a JSON map of names to texts')
  return content
}

function unreadable({ code = '' }: NodeJS.ErrnoException): [text: string, remedy: string] {
  const isOurs = code !== 'EACCES' && code !== 'EPERM'
  return isOurs ? [`cannot be read: ${code}`, 'the disk may fail: look at diagnostics'] : [OF_AGENT, SEALED_REMEDY]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the text.
    return undefined
  }
}

function isMapOfTexts(content: unknown): content is Record<string, string> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return false
  return Object.values(content).every((it) => typeof it === 'string')
}

function refuse(where: string, text: string, remedy?: string): never {
  throw new BadInput([{ where, text, ...(remedy && { remedy }) }])
}
