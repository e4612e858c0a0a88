// Secrets by name: DIR/secrets.json, readable by the agent's user alone; for development and CI also the environment.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'

export interface SecretStore {
  /** Undefined when there is none of that name. */
  get(name: string): string | undefined
}

/** `line-1` → `HOLDFAST_SECRET_LINE_1`. Two names may meet: settings that use both are refused. */
export function secretVariable(name: string): string {
  return `HOLDFAST_SECRET_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
}

/** The store's own entry wins over the environment. A missing file is an empty store. Rejects with BadInput when the file is open to others or not a map of texts. */
export async function openSecrets(dir: string, env: Readonly<Record<string, string | undefined>>): Promise<SecretStore> {
  const stored = await readStored(join(dir, 'secrets.json'))
  return { get: (name) => (Object.hasOwn(stored, name) ? stored[name] : env[secretVariable(name)]) }
}

async function readStored(file: string): Promise<Record<string, string>> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return {}
  if ((found.mode & 0o077) !== 0) refuse(file, 'others than its owner may read it', `chmod 600 ${file}`)
  const content = parse(await readFile(file, 'utf8'))
  if (!isMapOfTexts(content)) refuse(file, 'not a JSON map of names to texts')
  return content
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
