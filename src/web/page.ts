// The page's files, as the build made them: read once, so that no request reaches the file system. Every other path is a place within the page.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpRefused } from './refuse.ts'

const NOT_BUILT = '<!doctype html><title>Holdfast</title><p>The page is not built: <code>make page</code> builds it.</p>'
const BYTES_MAX = 32_000_000
/** Smaller ones gain nothing. */
const PACKED_BYTES_MIN = 512

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.md': 'text/markdown; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}
/** Are packed already. */
const PACKED_TYPES: ReadonlySet<string> = new Set(['.png', '.ico', '.woff2'])
/** The build puts a hash of eight characters into such a name: another content has another name. */
const HASHED = /-[\w-]{8}\.\w+$/

interface PageFile {
  readonly type: string
  readonly bytes: Buffer
  /** Undefined where packing gains nothing. */
  readonly packed: Buffer | undefined
  readonly tag: string
  readonly isHashed: boolean
}

export function addPage(server: FastifyInstance, dir: string): void {
  const files = filesIn(dir)
  const index = files.get('/index.html') ?? pageFile('/index.html', Buffer.from(NOT_BUILT))
  const find = (path: string): PageFile => {
    const file = files.get(path)
    if (file) return file
    // What has an ending is a file, and would be there.
    if (path.startsWith('/api/') || extname(path) !== '') throw new HttpRefused(404, 'not-found', 'there is nothing here')
    return index
  }
  server.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    config: { allow: 'anybody' },
    handler: (request, reply) => send(request, reply, find(request.url.split('?')[0] ?? '/')),
  })
  server.setNotFoundHandler(() => {
    throw new HttpRefused(404, 'not-found', 'there is nothing here')
  })
}

function filesIn(dir: string): ReadonlyMap<string, PageFile> {
  if (!existsSync(join(dir, 'index.html'))) return new Map()
  let left = BYTES_MAX
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => join(it.parentPath, it.name))
  return new Map(
    paths.map((path) => {
      const bytes = readFileSync(path)
      left -= bytes.length
      if (left < 0) throw new Error(`the page's files in ${dir} are larger than ${BYTES_MAX} bytes`)
      const url = `/${relative(dir, path)}`
      return [url, pageFile(url, bytes)]
    }),
  )
}

function pageFile(url: string, bytes: Buffer): PageFile {
  const ending = extname(url)
  const isPackable = bytes.length >= PACKED_BYTES_MIN && !PACKED_TYPES.has(ending)
  return {
    type: TYPES[ending] ?? 'application/octet-stream',
    bytes,
    packed: isPackable ? gzipSync(bytes, { level: 9 }) : undefined,
    tag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    isHashed: HASHED.test(url),
  }
}

function send({ headers }: FastifyRequest, reply: FastifyReply, { type, bytes, packed, tag, isHashed }: PageFile): FastifyReply {
  reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
  reply.header('etag', tag).header('vary', 'accept-encoding').type(type)
  if (headers['if-none-match'] === tag) return reply.code(304).send()
  const takesPacked = packed !== undefined && /\bgzip\b/.test(headers['accept-encoding'] ?? '')
  return takesPacked ? reply.header('content-encoding', 'gzip').send(packed) : reply.send(bytes)
}
