// Schema ids of a registry that speaks Confluent's REST interface (Confluent, Apicurio, Karapace, Redpanda). What it once told is kept on disk:
// the ids of a schema never change, so a box whose registry is away goes on.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tlsOptions } from '../../../clients/kafka/access.ts'
import type { Posted } from '../../../clients/kafka/post.ts'
import { basicAuthorization, jsonObject, post } from '../../../clients/kafka/post.ts'
import { socketKeeper } from '../../../clients/kafka/sockets.ts'
import type { Form } from '../../../core/stream.ts'
import type { Traffic } from '../../../core/uplink.ts'
import { schemaOf } from './schemas.ts'

export interface RegistryAccess {
  readonly registry: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string | undefined
}

export interface SchemaProblem {
  readonly code: 'registry-unreachable' | 'registry-denied' | 'schema-refused'
  readonly text: string
  readonly remedy: string
}

export interface SchemaRegistry {
  /** The id of a form's schema in a topic; registers it where nobody did. Never rejects. */
  ask(topic: string, form: Form): Promise<number | SchemaProblem>
}

const CALL_MS_MAX = 10_000
/** A registry that was away or refused is asked again after so long. */
const AGAIN_MS = 20_000

export interface RegistryOptions {
  /** What is kept from run to run. */
  readonly file: { readonly dir: string; readonly name: string } | undefined
  readonly localAddress: string | undefined
  readonly traffic: Traffic | undefined
  readonly monotonic: () => number
}

export function schemaRegistry(access: RegistryAccess, options: RegistryOptions): SchemaRegistry {
  const problems = new Map<string, { readonly problem: SchemaProblem; readonly until: number }>()
  let writing = Promise.resolve()
  let known: Promise<Record<string, number>> | undefined

  async function ask(topic: string, form: Form): Promise<number | SchemaProblem> {
    const schema = JSON.stringify(schemaOf(form))
    const subject = `${topic}-value`
    const key = `${access.registry} ${subject} ${createHash('sha256').update(schema).digest('hex')}`
    known ??= readKept(options.file)
    const ids = await known
    const kept = ids[key]
    if (kept !== undefined) return kept
    const before = problems.get(key)
    if (before && options.monotonic() < before.until) return before.problem
    const found = await idOf(access, options, subject, schema)
    if (typeof found !== 'number') {
      problems.set(key, { problem: found, until: options.monotonic() + AGAIN_MS })
      return found
    }
    ids[key] = found
    // Several topics are asked for at a time.
    writing = writing.then(() => writeKept(options.file, ids))
    await writing
    return found
  }

  return { ask }
}

async function readKept(file: RegistryOptions['file']): Promise<Record<string, number>> {
  if (!file) return {}
  try {
    const kept: unknown = JSON.parse(await readFile(join(file.dir, file.name), 'utf8'))
    const entries = Object.entries(kept as object).filter(([, id]) => Number.isInteger(id))
    return Object.fromEntries(entries) as Record<string, number>
  } catch {
    // Missing, or cut off by a fault: the registry tells again.
    return {}
  }
}

/** Whole or not at all; that it may be lost is no loss. */
async function writeKept(file: RegistryOptions['file'], ids: Readonly<Record<string, number>>): Promise<void> {
  if (!file) return
  const path = join(file.dir, file.name)
  try {
    await mkdir(file.dir, { recursive: true })
    await writeFile(`${path}.new`, JSON.stringify(ids))
    await rename(`${path}.new`, path)
  } catch {
    // A full disk: the registry tells again.
  }
}

async function idOf(
  access: RegistryAccess,
  options: RegistryOptions,
  subject: string,
  schema: string,
): Promise<number | SchemaProblem> {
  const body = JSON.stringify({ schema })
  const path = `/subjects/${encodeURIComponent(subject)}`
  try {
    const answer = await posted(access, options, `${path}/versions`, body)
    const registered = answer.status === 403 || answer.status === 405 ? await posted(access, options, path, body) : answer
    return idIn(registered) ?? problemOf(answer, subject, access)
  } catch (cause) {
    const { message } = cause as Error
    const text = `the schema registry ${access.registry} does not answer: ${message}`
    return { code: 'registry-unreachable', text, remedy: 'check its address and the route; what it told before is still used' }
  }
}

function idIn({ status, text }: Posted): number | undefined {
  if (status !== 200) return undefined
  const { id } = jsonObject(text)
  return Number.isInteger(id) && (id as number) >= 0 ? (id as number) : undefined
}

function problemOf({ status, text }: Posted, subject: string, { registry }: RegistryAccess): SchemaProblem {
  const { message } = jsonObject(text)
  const said = `${status}${typeof message === 'string' ? `, ${message.slice(0, 200)}` : ''}`
  if (status === 401 || status === 403)
    return {
      code: 'registry-denied',
      text: `the schema registry does not let us register ${subject}: ${said}`,
      remedy: `check user and password, allow us to write the subject ${subject}, or register the schema by hand`,
    }
  if (status === 409 || status === 422)
    return {
      code: 'schema-refused',
      text: `the schema registry refuses our schema for ${subject}: ${said}`,
      remedy: `another schema is registered there that ours is not compatible with: give the records a topic of their own, or delete the subject ${subject}`,
    }
  const what = `the schema registry ${registry} answers ${said}`
  return { code: 'registry-unreachable', text: what, remedy: 'is this the address of its REST interface, with its whole path?' }
}

/** By the sockets of the uplink: over the link that it has now, counted with the rest. */
async function posted(
  access: RegistryAccess,
  { localAddress, traffic }: RegistryOptions,
  path: string,
  body: string,
): Promise<Posted> {
  const { registry, user, password = '', ca } = access
  const sockets = socketKeeper(localAddress, traffic)
  try {
    return await post(new URL(registry.replace(/\/+$/, '') + path), sockets, {
      headers: {
        'content-type': 'application/vnd.schemaregistry.v1+json',
        accept: 'application/vnd.schemaregistry.v1+json, application/json',
        ...(user === undefined ? {} : { authorization: basicAuthorization(user, password) }),
      },
      body,
      tls: tlsOptions({ ca }),
      msMax: CALL_MS_MAX,
    })
  } finally {
    sockets.destroy()
  }
}
