// `uplinks test`: step by step, each with what to do. The session of the uplink at work stays: only its position is looked at.
import { withDeadline } from '../../clients/kafka/access.ts'
import { tryConnection } from '../../clients/kafka/try-connection.ts'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import type { TestStep } from '../../core/source.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { boxCaller, ofBox, targetOf } from './call.ts'
import type { BoxSettings } from './settings.ts'

export async function* testUplink(settings: BoxSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  const { host, port, tls } = targetOf(settings)
  const tcp = await step(`connection to ${host}:${port}`, signal, () =>
    tryConnection({ host, port, tls: undefined }, context.route?.localAddress),
  )
  yield tcp
  if (!tcp.ok) return
  const handshake = await step(`TLS with ${host}:${port}`, signal, () =>
    tryConnection({ host, port, tls }, context.route?.localAddress),
  )
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

async function step(name: string, signal: AbortSignal, work: () => Promise<string>): Promise<TestStep> {
  try {
    return { step: name, ok: true, detail: await withDeadline(name, TEST_STEP_MS_MAX, signal, work()) }
  } catch (error) {
    const { message, remedy } = ofBox(error)
    return { step: name, ok: false, detail: message, ...(remedy === undefined ? {} : { remedy }) }
  }
}
