// A schema registry for tests, OURS: the few calls of Confluent's REST interface that an uplink and a reader make, with its rule BACKWARD. The same
// tests run over a real one: REGISTRY=http://127.0.0.1:8080/apis/ccompat/v7 (tried with Apicurio 2.6.13).
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import avro from 'avsc'

export interface RegistryServer {
  readonly url: string
  /** Calls so far, as `POST /subjects/…`. */
  readonly calls: readonly string[]
  close(): Promise<void>
}

type Answer = readonly [status: number, body: object]

export async function startRegistry(options: { user?: string; password?: string; port?: number; schemas?: string[] } = {}) {
  const calls: string[] = []
  /** Id − 1 is the place. */
  const schemas = options.schemas ?? []
  const subjects = new Map<string, number[]>()
  const wanted = options.user && `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`

  function answer(method: string, path: string, body: string): Answer {
    const [, kind, name = '', last] = path.split('/').map(decodeURIComponent)
    if (method === 'GET' && kind === 'schemas') {
      const schema = schemas[Number(last) - 1]
      return schema === undefined ? [404, { error_code: 40403, message: 'Schema not found' }] : [200, { schema }]
    }
    if (method !== 'POST' || kind !== 'subjects') return [404, { error_code: 404, message: 'HTTP 404 Not Found' }]
    const { schema } = JSON.parse(body) as { schema: string }
    const own = subjects.get(name) ?? []
    const found = own.find((id) => schemas[id - 1] === schema)
    if (found !== undefined) return [200, { subject: name, id: found, version: own.indexOf(found) + 1, schema }]
    return last === 'versions' ? register(name, own, schema) : [404, { error_code: 40403, message: 'Schema not found' }]
  }

  function register(name: string, own: number[], schema: string): Answer {
    const problem = incompatible(schema, schemas[(own.at(-1) ?? 0) - 1])
    if (problem)
      return [409, { error_code: 409, message: `Schema being registered is incompatible with an earlier schema: ${problem}` }]
    const id = schemas.includes(schema) ? schemas.indexOf(schema) + 1 : schemas.push(schema)
    subjects.set(name, [...own, id])
    return [200, { id }]
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      calls.push(`${request.method} ${request.url}`)
      const isDenied = wanted !== undefined && wanted !== request.headers.authorization
      const [status, body] = isDenied
        ? ([401, { error_code: 401, message: 'Unauthorized' }] as const)
        : answer(request.method ?? '', request.url ?? '', Buffer.concat(parts).toString('utf8'))
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
      response.end(JSON.stringify(body))
    })
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  } satisfies RegistryServer
}

/** Why what is written with `before` cannot be read with `schema`. */
function incompatible(schema: string, before: string | undefined): string | undefined {
  if (before === undefined) return undefined
  const typeOf = (text: string) => avro.Type.forSchema(JSON.parse(text) as avro.Schema, { wrapUnions: true })
  try {
    typeOf(schema).createResolver(typeOf(before))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
