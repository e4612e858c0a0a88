// Whether a port takes a connection, and who answers there by TLS: what a person is shown, step by step.
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import type { Sockets } from './sockets.ts'
import { socketKeeper } from './sockets.ts'

/** `open`, or by TLS its version and the certificate. Rejects with what the system says, and ends with the step's time whatever the far end does. */
export async function tryConnection(to: Parameters<Sockets['open']>[0], localAddress: string | undefined): Promise<string> {
  const sockets = socketKeeper(localAddress)
  const timer = setTimeout(() => sockets.destroy(), TEST_STEP_MS_MAX)
  try {
    return await new Promise<string>((done, fail) => {
      const socket = sockets.open(to, () => done(to.tls === undefined ? 'open' : certificateOf(socket)))
      socket.on('error', fail)
      socket.on('close', () => fail(new Error('the connection was closed')))
    })
  } finally {
    clearTimeout(timer)
    sockets.destroy()
  }
}

function certificateOf(socket: net.Socket): string {
  const secured = socket as TLSSocket
  const { subject, valid_to } = secured.getPeerCertificate()
  return `${secured.getProtocol()}, certificate of ${subject?.CN ?? 'nobody'}, valid to ${valid_to}`
}
