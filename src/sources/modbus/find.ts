// Does a host speak Modbus TCP? One register of unit 1, 255 and 0 is asked for: any answer in a frame of the protocol is one, a refusal too.
// Then the device is asked for its name (function 43, MEI type 14), which many do not have. Nothing is written.
import { Unreachable } from '../../core/errors.ts'
import type { Found } from '../../core/source.ts'
import type { Channel } from './channel.ts'
import { explainException, isGatewayException } from './exceptions.ts'
import { identityIn, identityRequest, mbapRequest, takeFrames } from './mbap.ts'
import { openSocket } from './socket.ts'

const PORT = 502
const TIMEOUT_MS = 1_000
const UNITS = [1, 255, 0]
const HOLDING = 3

/** `port`: another than the usual one. */
export async function findModbusTcp(host: string, signal: AbortSignal, port = PORT): Promise<readonly Found[]> {
  let heard: (chunk: Buffer | undefined) => void = () => {}
  const ear = { data: (chunk: Buffer) => heard(chunk), lost: () => heard(undefined) }
  let channel: Channel
  try {
    channel = await openSocket({ host, port, timeoutMs: TIMEOUT_MS }, ear)
  } catch (error) {
    if (error instanceof Unreachable) return []
    throw error
  }
  const ask = (transaction: number, frame: Buffer) =>
    answerTo(channel, transaction, frame, signal, (listener) => {
      heard = listener
    })
  try {
    return await findUnits(host, port, ask)
  } finally {
    await channel.close()
  }
}

/** The frame that answers; undefined: none. */
type Ask = (transaction: number, frame: Buffer) => Promise<Buffer | undefined>

async function findUnits(host: string, port: number, ask: Ask): Promise<readonly Found[]> {
  const units: { unit: number; said: string }[] = []
  for (const unit of UNITS) {
    const said = saidIn(await ask(unit + 1, mbapRequest(unit + 1, unit, HOLDING, 0, 1)), unit, HOLDING)
    if (said !== undefined) units.push({ unit, said })
  }
  const [first] = units
  if (!first) return []
  const transaction = 1_000
  const identity = identityIn(await ask(transaction, identityRequest(transaction, first.unit)), first.unit)
  const answering = `unit ${units.map((it) => it.unit).join(', ')} answers`
  const detail = [identity, answering, first.said].filter((it) => it !== undefined).join('; ')
  const entry = { protocol: 'modbus-tcp', host, ...(port === PORT ? {} : { port }), unit: first.unit }
  return [{ address: `${host}:${port}`, detail, entry }]
}

/** Undefined: no answer, or a gateway's that nobody is there. */
function saidIn(frame: Buffer | undefined, unit: number, code: number): string | undefined {
  if (!frame || frame.length < 9 || frame[6] !== unit || ((frame[7] as number) & 0x7f) !== code) return undefined
  const exception = frame[8] as number
  if (frame[7] !== (code | 0x80)) return frame.length === 11 ? `holding:0 is ${frame.readUInt16BE(9)}` : undefined
  return isGatewayException(exception) ? undefined : `holding:0 is refused (${explainException(exception).text})`
}

function answerTo(
  channel: Channel,
  transaction: number,
  frame: Buffer,
  signal: AbortSignal,
  listen: (listener: (chunk: Buffer | undefined) => void) => void,
): Promise<Buffer | undefined> {
  if (signal.aborted || !channel.isOpen) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const done = (answer: Buffer | undefined) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      listen(() => {})
      resolve(answer)
    }
    const stop = () => done(undefined)
    const timer = setTimeout(stop, TIMEOUT_MS)
    signal.addEventListener('abort', stop, { once: true })
    let held: Buffer = Buffer.alloc(0)
    listen((chunk) => {
      const taken = chunk && takeFrames(Buffer.concat([held, chunk]))
      if (!taken) return done(undefined)
      held = taken.rest
      const answer = taken.frames.find((it) => it.readUInt16BE(0) === transaction)
      if (answer) done(answer)
    })
    channel.write(frame)
  })
}
