// Modbus RTU, on a serial line or through a TCP connection to one. An answer does not say what it answers, only how long it is. So two
// requests to a unit that follow each other differ in length where they can: the second takes a register or two more along.
import { Unreachable } from '../../core/errors.ts'
import { isAddressException } from './exceptions.ts'
import { answerFrameBytes, rtuFraming } from './frame.ts'
import type { LineKind, LineUse } from './line.ts'
import type { Lines } from './lines.ts'
import type { Answer, Link, Transport } from './link.ts'
import { bytesExpected } from './link.ts'
import { writeRequest } from './pdu.ts'
import type { RegisterKind } from './registers.ts'
import { isBitKind } from './registers.ts'
import type { SerialSettings } from './serial.ts'
import { charMs, devicePath, openSerial } from './serial.ts'
import { createShare, readRequest } from './share.ts'
import { openSocket } from './socket.ts'
import { failuresOf } from './tcp.ts'

const RETRY_MS_MIN = 500
/** The standard's silence between frames, in characters, and its least value. */
const SILENCE_CHARS = 3.5
const SILENCE_MS_MIN = 2
/** After a fault: longer than the gaps that USB adapters and terminal servers put into a frame. */
const SILENCE_AFTER_FAULT_MS = 40
const REQUEST_BYTES = 8
const ADDRESS_COUNT = 65_536
/** An answer differs in length from so many before it. */
const LENGTHS_KNOWN = 2
/** Bits that one byte of an answer holds. */
const BITS = 8

/** How a source asks on such a line. */
export interface Manner {
  readonly timeoutMs: number
  /** Registers that nobody asked for may be read along. */
  readonly mayTakeAlong: boolean
  readonly blockMax: number
}

export interface RtuTarget extends Manner {
  readonly line: SerialSettings
}

export interface RtuTcpTarget extends Manner {
  readonly host: string
  readonly port: number
  readonly connections: number
}

/** `proc`: where the kernel says what its consoles are. */
export function rtuTransport(target: RtuTarget, lines: Lines, proc?: string): Transport {
  const { line, timeoutMs } = target
  const share = async () => lines.use(serialKind(line, await devicePath(line.path), proc), 1)
  return {
    open: (unit) => rtuLink(target, unit, share),
    // Noise is a serial line's daily bread. Silence is not repeated: an answer that is only late would be taken for the next one.
    repeatable: ['bad-frame'],
    retryMsMin: retryMsMin(timeoutMs),
    details: { path: line.path, baud: line.baud, parity: line.parity, stopBits: line.stopBits },
  }
}

export function rtuTcpTransport(target: RtuTcpTarget, lines: Lines): Transport {
  const { host, port, connections, timeoutMs } = target
  return {
    open: (unit) => rtuLink(target, unit, async () => lines.use(rtuTcpKind(target), connections)),
    repeatable: ['bad-frame', 'connection-lost'],
    retryMsMin: retryMsMin(timeoutMs),
    details: { host, port },
  }
}

/** With the jitter of at most one half, a late answer has once more the time-out to arrive and be thrown away. */
function retryMsMin(timeoutMs: number): number {
  return Math.max(RETRY_MS_MIN, timeoutMs * 2)
}

function rtuLink(manner: Manner, unit: number, use: () => Promise<LineUse>): Link {
  const share = createShare(use)
  const vary = createVariation(manner)
  const { timeoutMs } = manner
  return {
    connect: () => share.on((it) => it.connect()),
    read: (kind, from, count) =>
      share.on((it) => vary(kind, from, count, (more) => it.ask(readRequest(unit, kind, from, more, timeoutMs)))),
    knock: (kind, from) => share.on((it) => it.knock(readRequest(unit, kind, from, 1, timeoutMs))),
    write: (kind, from, data) => share.on((it) => it.ask(writeRequest(unit, kind, from, data, timeoutMs))),
    close: share.close,
  }
}

/** Asks for `count` or a little more, so that no answer is as long as one of those before it. */
function createVariation({ mayTakeAlong, blockMax }: Manner) {
  /** Bytes of the last requests for each kind; with functions that differ nothing can be mistaken. */
  const recent = new Map<RegisterKind, readonly number[]>()
  /** Where a little more was refused. */
  const tight = new Set<string>()

  const countFor = (kind: RegisterKind, from: number, count: number): number => {
    const isBits = isBitKind(kind)
    const step = isBits ? BITS : 1
    const most = Math.min(isBits ? blockMax * BITS * 2 : blockMax, ADDRESS_COUNT - from)
    const last = recent.get(kind) ?? []
    const counts = Array.from({ length: LENGTHS_KNOWN + 1 }, (_, n) => count + n * step)
    return counts.find((it) => it <= most && !last.includes(bytesExpected(isBits, it))) ?? count
  }
  return async (kind: RegisterKind, from: number, count: number, ask: (count: number) => Promise<Answer>): Promise<Answer> => {
    const isBits = isBitKind(kind)
    const place = `${kind}:${from}+${count}`
    const asked = (it: number) => {
      recent.set(kind, [bytesExpected(isBits, it), ...(recent.get(kind) ?? [])].slice(0, LENGTHS_KNOWN))
      return ask(it)
    }
    const more = mayTakeAlong && !tight.has(place) ? countFor(kind, from, count) : count
    const answer = await asked(more)
    if ('data' in answer) return { data: answer.data.subarray(0, bytesExpected(isBits, count)) }
    if (more === count || !isAddressException(answer.exception)) return answer
    const plain = await asked(count)
    if ('data' in plain) tight.add(place)
    return plain
  }
}

function serialKind(settings: SerialSettings, device: string, proc: string | undefined): LineKind {
  const { path } = settings
  return {
    key: `serial ${device}`,
    manner: `${settings.baud} baud, parity ${settings.parity}, ${settings.stopBits} stop bits`,
    where: path,
    open: (ear) => openSerial(settings, ear, proc),
    framing: rtuFraming,
    silenceMs: Math.max(SILENCE_MS_MIN, SILENCE_CHARS * charMs(settings)),
    silenceAfterFaultMs: SILENCE_AFTER_FAULT_MS,
    wireMs: (dataBytes) => Math.ceil((REQUEST_BYTES + answerFrameBytes(dataBytes)) * charMs(settings)),
    isOurs: true,
    isRenewable: false,
    noAnswer: (unit) =>
      new Unreachable('timeout', `unit ${unit} on ${path} does not answer`, {
        remedy: 'check the unit, baud, parity and stopBits, A and B of the wiring, and the power of the device',
      }),
    wrongAnswer: (unit, what) =>
      new Unreachable('bad-frame', `unit ${unit} on ${path}: ${what}`, {
        remedy: 'check baud, parity and stopBits, termination and shield of the line, and that each unit is there once',
      }),
    lost: (cause) =>
      new Unreachable('connection-lost', `${path} is gone`, { cause, remedy: 'check the plug of the serial adapter' }),
  }
}

function rtuTcpKind(target: RtuTcpTarget): LineKind {
  const where = `${target.host}:${target.port}`
  return {
    // The same place as over Modbus TCP: who speaks both there is told so.
    key: `tcp ${where.toLowerCase()}`,
    manner: 'Modbus RTU over TCP',
    where,
    open: (ear) => openSocket(target, ear),
    framing: rtuFraming,
    silenceMs: SILENCE_MS_MIN,
    silenceAfterFaultMs: SILENCE_AFTER_FAULT_MS,
    wireMs: () => 0,
    isOurs: true,
    isRenewable: true,
    ...failuresOf(where),
  }
}
