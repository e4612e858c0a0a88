// A TCP connection as a channel. It is destroyed, never ended: an end waits for the far end.
import net from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Unreachable } from '../../core/errors.ts'
import type { Channel, Ear } from './channel.ts'

const KEEP_ALIVE_MS = 30_000

export interface Address {
  readonly host: string
  readonly port: number
  /** How long the connecting may take. */
  readonly timeoutMs: number
}

/** Fails with Unreachable. */
export function openSocket(address: Address, ear: Ear): Promise<Channel> {
  const { host, port, timeoutMs } = address
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
    const fail = (error: { code?: string; message?: string }) => {
      clearTimeout(timer)
      socket.destroy()
      reject(connectFailure(address, error))
    }
    const timer = setTimeout(() => fail({ code: 'ETIMEDOUT' }), timeoutMs)
    let cause: unknown
    // Stays for the socket's life: an error without a listener would end the thread. What it means arrives as `close`.
    socket.on('error', (error) => {
      cause = error
      fail(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.on('data', (chunk: Buffer) => ear.data(chunk))
      socket.once('close', () => ear.lost(cause))
      resolve(channelOf(socket))
    })
  })
}

function channelOf(socket: net.Socket): Channel {
  return {
    get isOpen() {
      return !socket.destroyed && socket.writable
    },
    write: (bytes) => void socket.write(bytes),
    // What the kernel holds has then been heard, by nobody.
    discard: async () => void (await setImmediate()),
    close: async () => void socket.destroy(),
  }
}

function connectFailure(target: Address, error: { code?: string; message?: string }): Unreachable {
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
