// Where other boxes come in: HTTPS on one address, whoever calls is known before a byte of what it sends is kept. README.md has the contract.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { AllowedBox, BoxesSettings, BoxIntake, BoxTransaction } from '../../core/boxes.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Logger } from '../../core/source.ts'
import { streamKey, streamOf } from '../../core/stream.ts'
import { BODY_BYTES_MAX, decodeTransaction, positionToWire } from './wire.ts'

const SMALL_BODY_BYTES_MAX = 4_096
const REQUEST_MS_MAX = 60_000
const HEADERS_MS_MAX = 10_000
const CONNECTIONS_MAX = 64
/** What is being received takes memory: one large body for each box, and so many at a time. */
const BODIES_BYTES_MAX = 160_000_000

export interface Listener {
  readonly port: number
  /** Open requests end as if the line were cut. */
  close(): Promise<void>
}

class Refused extends Error {
  readonly status: number
  readonly said: { readonly code: string; readonly classes?: readonly string[]; readonly remedy?: string }
  constructor(status: number, code: string, text: string, more: { classes?: readonly string[]; remedy?: string } = {}) {
    super(text)
    this.status = status
    this.said = { code, ...more }
  }
}

/** Rejects with what the system says where the address cannot be had, and with BadInput where certificate and key cannot be used. */
export async function openListener(settings: BoxesSettings, intake: BoxIntake, log: Logger): Promise<Listener> {
  const { cert, key, ca } = settings.tls
  const server = https.createServer({
    cert,
    key,
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    requestTimeout: REQUEST_MS_MAX,
    headersTimeout: HEADERS_MS_MAX,
    maxHeaderSize: 8_192,
  })
  server.maxConnections = CONNECTIONS_MAX
  let receiving = 0

  async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
    const length = Number(request.headers['content-length'] ?? Number.NaN)
    if (!(length >= 0)) throw new Refused(411, 'request-refused', 'a request without its length')
    if (length > bytesMax) throw new Refused(413, 'request-refused', `a request of ${length} bytes, more than ${bytesMax}`)
    if (receiving + length > BODIES_BYTES_MAX) throw new Refused(503, 'box-busy', 'other boxes are sending; try again')
    receiving += length
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    } finally {
      receiving -= length
    }
  }

  async function answer(request: IncomingMessage): Promise<object> {
    const box = boxOf(request, settings)
    const { device } = box
    switch (`${request.method} ${request.url}`) {
      case 'GET /v1/position': {
        const transaction = await intake.peek(device)
        return { transaction: transaction === 'none' ? null : transaction }
      }
      case 'POST /v1/session': {
        checkTold(await bodyOf(request, SMALL_BODY_BYTES_MAX))
        const { session, position } = await intake.begin(device)
        return { session, position: position === 'none' ? null : positionToWire(position) }
      }
      case 'POST /v1/transactions':
        return take(box, request)
      default:
        throw new Refused(404, 'request-refused', `there is no ${request.method} ${String(request.url).slice(0, 100)}`)
    }
  }

  async function take({ device, behind }: AllowedBox, request: IncomingMessage): Promise<object> {
    const sent = decodeTransaction(await bodyOf(request, BODY_BYTES_MAX), device)
    const mine = new Set([device, ...behind])
    const keys = [...sent.delivered.keys(), ...sent.ranges.map((it) => it.stream), ...gapStreams(sent)]
    const strange = keys.map((it) => streamOf(it).device).find((it) => !mine.has(it))
    if (strange !== undefined)
      throw new Refused(403, 'box-unknown', `box ${device} may not bring streams of box ${strange}`, {
        remedy: `name ${strange} under behind: of ${device}, in boxes.allow of this box`,
      })
    const outcome = await intake.take(String(request.headers['x-holdfast-session'] ?? ''), sent)
    if (outcome.kind === 'stored') return { transaction: sent.transaction }
    const { classes } = outcome
    if (outcome.kind === 'full')
      throw new Refused(503, 'box-full', 'the other box has no room for it now', {
        classes,
        remedy: 'Restore the uplink of that box, or raise its log.bytesMax; it goes on by itself once there is room.',
      })
    throw new Refused(422, 'class-unknown', `the other box has no class ${classes.join(', ')}`, {
      classes,
      remedy: 'Give both boxes the same classes.',
    })
  }

  server.on('request', (request, response) => {
    answer(request)
      .then((said) => reply(response, 200, said))
      .catch((error: unknown) => {
        const it = refusalOf(error)
        if (!it) log.error({ stack: (error as Error).stack }, `a box was not answered: ${(error as Error).message}`)
        const { status, message, said } =
          it ?? new Refused(500, 'failed', 'the other box has met an error of its own; its log has more')
        log.debug({ status, code: said.code, from: request.socket.remoteAddress }, message)
        // What it still sends is not wanted.
        if (!request.complete) response.setHeader('connection', 'close')
        reply(response, status, { text: message, ...said })
      })
  })
  // Nothing is asked of the socket: one that was cut in its handshake takes the process with it (Node 24).
  server.on('tlsClientError', (error) =>
    log.debug({}, `a box that came in without TLS, or without a certificate that counts: ${error.message}`),
  )
  const { host, port } = settings.listen
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
  server.on('error', (error) => log.error({}, `the listener for boxes: ${error.message}`))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A line of the ledger may be about a box behind. */
function gapStreams({ slices }: BoxTransaction): string[] {
  return slices.flatMap((it) => (it.form === 'gap' ? it.rows.map((row) => streamKey(row.stream)) : []))
}

function reply(response: ServerResponse, status: number, said: object): void {
  const body = JSON.stringify(said)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/** Who calls: by its password, by the common name of its certificate, or by both. One answer for all who are not known. */
function boxOf(request: IncomingMessage, { tls, allow }: BoxesSettings): AllowedBox {
  const device = String(request.headers['x-holdfast-device'] ?? '')
  const found = allow.find((it) => it.device === device)
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const isPassword = found?.password === undefined || isSame(given, found.password)
  const isCertificate = tls.ca === undefined || nameIn(request.socket as TLSSocket) === device
  if (found && isPassword && isCertificate) return found
  throw new Refused(401, 'box-unknown', 'the other box does not know us by this device id, password and certificate', {
    remedy: 'Check device.id, box.password and tls.cert here against boxes.allow of the other box.',
  })
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function nameIn(socket: TLSSocket): string | undefined {
  const name = socket.getPeerCertificate().subject?.CN
  return typeof name === 'string' ? name : undefined
}

function checkTold(body: Buffer): void {
  try {
    const { told } = JSON.parse(body.toString('utf8')) as { told?: unknown }
    if (Number.isSafeInteger(told) && (told as number) >= 0) return
  } catch {
    // Said below.
  }
  throw new Refused(400, 'request-refused', 'a session is begun with { "told": NUMBER }')
}

function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error
  if (error instanceof RangeError) return new Refused(400, 'request-refused', error.message)
  if (error instanceof BadInput) {
    const [first] = error.problems
    return new Refused(409, 'box-conflict', error.message, first?.remedy === undefined ? {} : { remedy: first.remedy })
  }
  if (!(error instanceof Unreachable)) return undefined
  const { code, message, remedy } = error
  return new Refused(code === 'fenced' ? 409 : 503, code, message, remedy === undefined ? {} : { remedy })
}
