// `uplinks test`: step by step, each with what to do. The session of the uplink at work stays: only its position is looked at.
import type { TLSSocket } from 'node:tls'
import { withDeadline } from '../../clients/kafka/access.ts'
import { socketKeeper } from '../../clients/kafka/sockets.ts'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import type { TestStep } from '../../core/source.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { boxCaller, ofBox, targetOf } from './call.ts'
import type { BoxSettings } from './settings.ts'

export async function* testUplink(settings: BoxSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  const { host, port, tls } = targetOf(settings)
  const tcp = await step(`connection to ${host}:${port}`, signal, () =>
    settled(context, { host, port, tls: undefined }, () => 'open'),
  )
  yield tcp
  if (!tcp.ok) return
  const handshake = await step(`TLS with ${host}:${port}`, signal, () => settled(context, { host, port, tls }, certificateOf))
  yield handshake
  if (!handshake.ok) return
  const caller = boxCaller(settings, context)
  try {
    yield await step('position', signal, async () => {
      const said = (await caller.call('look at the position', 'GET', '/v1/position', {}, signal)) as
        | { transaction?: unknown }
        | undefined
      return typeof said?.transaction === 'number' ? `transaction ${said.transaction}` : 'none yet'
    })
  } finally {
    caller.destroy()
  }
}

function certificateOf(socket: unknown): string {
  const secured = socket as TLSSocket
  const { subject, valid_to } = secured.getPeerCertificate()
  return `${secured.getProtocol()}, certificate of ${subject?.CN ?? 'nobody'}, valid to ${valid_to}`
}

async function step(name: string, signal: AbortSignal, work: () => Promise<string>): Promise<TestStep> {
  try {
    return { step: name, ok: true, detail: await withDeadline(name, TEST_STEP_MS_MAX, signal, work()) }
  } catch (error) {
    const { message, remedy } = ofBox(error)
    return { step: name, ok: false, detail: message, ...(remedy === undefined ? {} : { remedy }) }
  }
}

type Target = Parameters<ReturnType<typeof socketKeeper>['open']>[0]

async function settled({ route }: UplinkContext, to: Target, detail: (socket: unknown) => string): Promise<string> {
  const sockets = socketKeeper(route?.localAddress)
  try {
    return await new Promise<string>((done, fail) => {
      const socket = sockets.open(to, () => done(detail(socket)))
      socket.on('error', fail)
    })
  } finally {
    sockets.destroy()
  }
}
