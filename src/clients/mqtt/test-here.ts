// `sources test NAME` of a source that is connected: what its own connection shows. While it is not, the steps of a new one say why.
import type { IPublishPacket } from 'mqtt'
import type { SourceStatus, TestStep } from '../../core/source.ts'

const NEXT_MESSAGE_MS_MAX = 5_000
const PAYLOAD_SHOWN_MAX = 60

export interface Here {
  status(): SourceStatus
  /** Calls back with the next message. */
  onNext(listener: ((packet: IPublishPacket) => void) | undefined): void
}

export async function* testHere(
  here: Here,
  otherwise: () => AsyncIterable<TestStep>,
  signal: AbortSignal,
): AsyncGenerator<TestStep> {
  const { state, details = {}, code, lastError, remedy } = here.status()
  if (state !== 'up') {
    yield* otherwise()
    return
  }
  const { broker, clientId, version, session, subscribed } = details
  yield { step: 'CONNECT', ok: true, detail: `MQTT ${version}, connected to ${broker} as ${clientId}, ${session} session` }
  yield {
    step: 'SUBSCRIBE',
    ok: code === undefined,
    detail: `${subscribed} filters${lastError === undefined ? '' : `; ${lastError}`}`,
    ...(remedy !== undefined && { remedy }),
  }
  yield { step: 'next message', ok: true, detail: describe(await nextMessage(here, signal)) }
}

function nextMessage(here: Here, signal: AbortSignal): Promise<IPublishPacket | undefined> {
  return new Promise((resolve) => {
    const end = (packet?: IPublishPacket) => {
      clearTimeout(timer)
      here.onNext(undefined)
      resolve(packet)
    }
    const timer = setTimeout(end, NEXT_MESSAGE_MS_MAX)
    signal.addEventListener('abort', () => end(), { once: true })
    here.onNext(end)
  })
}

function describe(packet: IPublishPacket | undefined): string {
  if (!packet)
    return `none within ${NEXT_MESSAGE_MS_MAX / 1000} s: nobody publishes on these topics just now, or they are named wrongly`
  const text = packet.payload.toString().slice(0, PAYLOAD_SHOWN_MAX)
  return `on ${packet.topic}, ${packet.payload.length} bytes: ${text}`
}
