// Modbus TCP on modbus-serial, with our own socket under it: the library never notices a truncated frame or a wrong length and waits for
// ever, and a reset does not end a request of its own. So every failure but an exception ends the connection: the socket is destroyed
// and the next poll makes a new one with a new client. Its `close` waits for the far end and is never called.
import net from 'node:net'
import modbusSerial from 'modbus-serial'
import { Unreachable } from '../../core/errors.ts'
import type { Answer, Link, Transport } from './link.ts'
import { bytesExpected } from './link.ts'
import type { RegisterKind } from './registers.ts'
import { isBitKind } from './registers.ts'

const RETRY_MS_MIN = 500
const KEEP_ALIVE_MS = 30_000

export interface TcpTarget {
  readonly host: string
  readonly port: number
  readonly unit: number
  readonly timeoutMs: number
}

export function tcpTransport(target: TcpTarget): Transport {
  return {
    connect: (signal) => connectTcp(target, signal),
    // Devices close what was idle for a while, sometimes just as we ask: nothing is wrong then.
    repeatable: ['connection-lost'],
    retryMsMin: RETRY_MS_MIN,
    details: { host: target.host, port: target.port, unit: target.unit },
  }
}

async function connectTcp(target: TcpTarget, signal: AbortSignal): Promise<Link> {
  const socket = await openSocket(target, signal)
  const client = new modbusSerial.default()
  client.linkTCP(socket, { port: target.port }, () => {})
  // After linkTCP, which would take it for the socket's idle time too.
  client.setTimeout(target.timeoutMs)
  return tcpLink(client, socket, target)
}

/** Resolves connected; fails with Unreachable. */
function openSocket(target: TcpTarget, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(stopped())
    const socket = net.connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    const done = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      settle()
    }
    const fail = (error: Unreachable) => {
      socket.destroy()
      done(() => reject(error))
    }
    const aborted = () => fail(stopped())
    const timer = setTimeout(() => fail(connectFailure(target, { code: 'ETIMEDOUT' })), target.timeoutMs)
    signal.addEventListener('abort', aborted, { once: true })
    // Stays for the socket's life: an error without a listener would end the thread. What it means arrives as `close`.
    socket.on('error', (error) => fail(connectFailure(target, error)))
    socket.once('connect', () => done(() => resolve(socket)))
  })
}

function stopped(): Unreachable {
  return new Unreachable('stopped', 'the source is being stopped')
}

function connectFailure(target: TcpTarget, error: { code?: string; message?: string }): Unreachable {
  const where = `${target.host}:${target.port}`
  const make = (code: string, text: string, remedy: string) => new Unreachable(code, text, { cause: error, remedy })
  switch (error.code) {
    case 'ECONNREFUSED':
      return make(
        'refused',
        `${where} refuses the connection`,
        'check the port, and whether Modbus TCP is switched on in the device',
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return make('name-unknown', `${target.host} has no address`, 'check the spelling of host, or use the address itself')
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return make('no-route', `there is no way to ${where}`, "check the cable, and the address of this box's port")
    case 'ETIMEDOUT':
      return make(
        'timeout',
        `${where} does not answer within ${target.timeoutMs} ms`,
        'check power and cable of the device, its address, and firewalls',
      )
    default:
      return make(
        'connection-lost',
        `${where}: ${error.message ?? error.code}`,
        'the device ended the connection: it may allow only a few',
      )
  }
}

type Client = InstanceType<typeof modbusSerial.default>
type Reply = { buffer: Buffer }
type Ask = (unit: number, from: number, count: number, next: (error: Error | null, reply: Reply) => void) => void

/** Named for what they send; all four read. */
function askersOf(client: Client): Record<RegisterKind, Ask> {
  return {
    coil: (...it) => client.writeFC1(...it),
    discrete: (...it) => client.writeFC2(...it),
    holding: (...it) => client.writeFC3(...it),
    input: (...it) => client.writeFC4(...it),
  }
}

function tcpLink(client: Client, socket: net.Socket, target: TcpTarget): Link {
  const where = `${target.host}:${target.port}`
  const ask = askersOf(client)
  const destroy = () => {
    client.destroy(() => {})
    socket.destroy()
  }
  const read = (kind: RegisterKind, from: number, count: number) =>
    new Promise<Answer>((resolve, reject) => {
      const fail = (code: string, text: string, remedy: string, cause?: unknown) => {
        socket.off('close', lost)
        destroy()
        reject(new Unreachable(code, text, { cause, remedy }))
      }
      const lost = () =>
        fail('connection-lost', `${where} ended the connection`, 'the device may allow only a few connections, or restarts')
      if (socket.destroyed || !client.isOpen) return lost()
      socket.once('close', lost)
      ask[kind](target.unit, from, count, (error: (Error & { modbusCode?: number; errno?: unknown }) | null, reply) => {
        socket.off('close', lost)
        if (error?.modbusCode !== undefined) return resolve({ exception: error.modbusCode })
        if (error?.errno === 'ETIMEDOUT')
          return fail(
            'timeout',
            `unit ${target.unit} at ${where} does not answer`,
            'check the unit; make timeout longer for a slow device',
            error,
          )
        if (error)
          return fail(
            'bad-frame',
            `${where} answers wrongly: ${error.message}`,
            'something else than a Modbus device may answer',
            error,
          )
        if (reply.buffer.length !== bytesExpected(isBitKind(kind), count))
          return fail(
            'bad-frame',
            `${where} answers with ${reply.buffer.length} bytes`,
            'something else than a Modbus device may answer',
          )
        resolve({ data: reply.buffer })
      })
    })
  return {
    get isOpen() {
      return !socket.destroyed && client.isOpen
    },
    read,
    close: destroy,
  }
}
