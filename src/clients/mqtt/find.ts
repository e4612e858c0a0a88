// Asks a host whether an MQTT broker listens there: CONNECT without a user, and what CONNACK says of it. Nothing is subscribed or published.
import type { Socket } from 'node:net'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Found } from '../../core/source.ts'

const PORTS = [
  { port: 1883, isEncrypted: false },
  { port: 8883, isEncrypted: true },
] as const
const ANSWER_MS_MAX = 3_000
/** CONNECT of MQTT 3.1.1, a clean session, 10 s to keep alive, the broker gives the id. */
const CONNECT = Buffer.from('100c00044d5154540402000a0000', 'hex')
const DISCONNECT = Buffer.from([0xe0, 0])

const SAYS: Readonly<Record<number, string>> = {
  0: 'lets anybody in',
  1: 'does not speak MQTT 3.1.1',
  2: 'wants a client id of its own choosing',
  3: 'is not available now',
  4: 'wants a user and a password',
  5: 'wants a user and a password',
}

/** `ports`: others than those that MQTT has. */
export async function findBrokers(
  host: string,
  signal: AbortSignal,
  ports: readonly { readonly port: number; readonly isEncrypted: boolean }[] = PORTS,
): Promise<Found[]> {
  const answers = await Promise.all(ports.map((it) => ask(host, it, signal)))
  return answers.flatMap((said, at) => {
    const { port, isEncrypted } = ports[at] as (typeof ports)[number]
    if (said === undefined) return []
    const name = host.includes(':') ? `[${host}]` : host
    const entry = { protocol: 'mqtt', url: `${isEncrypted ? 'mqtts' : 'mqtt'}://${name}:${port}`, subscribe: [] }
    return [{ address: `${name}:${port}`, detail: `an MQTT broker${isEncrypted ? ' with TLS' : ''}: it ${said}`, entry }]
  })
}

/** Undefined: nothing that speaks MQTT. */
function ask(
  host: string,
  { port, isEncrypted }: { port: number; isEncrypted: boolean },
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Nothing secret goes over it, and a certificate that we do not know is no reason not to name the broker.
    const socket: Socket = isEncrypted
      ? connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host, port })
    const end = (said?: string) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(said)
    }
    const abort = () => end()
    const timer = setTimeout(end, ANSWER_MS_MAX)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) end()
    let answer = Buffer.alloc(0)
    socket.on('error', () => end()).on('close', () => end())
    socket.on(isEncrypted ? 'secureConnect' : 'connect', () => socket.write(CONNECT))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < 4) return
      const isConnack = answer[0] === 0x20 && answer[1] === 2
      if (isConnack && answer[3] === 0) socket.write(DISCONNECT)
      end(isConnack ? (SAYS[answer[3] as number] ?? `answers with code ${answer[3]}`) : undefined)
    })
  })
}
