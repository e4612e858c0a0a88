// Modbus TCP: a unit behind a connection. Frames carry a number, so that one connection may wait for a late answer of one unit and go on
// with another; where it can only be that the connection is dead, or what comes is no Modbus, it is made anew.
import { Unreachable } from '../../core/errors.ts'
import { openSocket } from './socket.ts'
import type { LineKind } from './line.ts'
import type { Lines } from './lines.ts'
import type { Link, Transport } from './link.ts'
import { mbapFraming } from './mbap.ts'
import { writeRequest } from './pdu.ts'
import { createShare, readRequest } from './share.ts'

const RETRY_MS_MIN = 500
const TRANSACTIONS = 65_536

export interface TcpTarget {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  /** Connections to this host and port at most, all sources together. */
  readonly connections: number
}

export function tcpTransport(target: TcpTarget, lines: Lines): Transport {
  return {
    open: (unit) => tcpLink(target, unit, lines),
    // Devices close what was idle for a while, sometimes just as we ask: nothing is wrong then.
    repeatable: ['connection-lost'],
    retryMsMin: RETRY_MS_MIN,
    details: { host: target.host, port: target.port },
  }
}

function tcpLink(target: TcpTarget, unit: number, lines: Lines): Link {
  const share = createShare(async () => lines.use(tcpKind(target), target.connections))
  const { timeoutMs } = target
  return {
    connect: () => share.on((it) => it.connect()),
    read: (kind, from, count) => share.on((it) => it.ask(readRequest(unit, kind, from, count, timeoutMs))),
    knock: (kind, from) => share.on((it) => it.knock(readRequest(unit, kind, from, 1, timeoutMs))),
    write: (kind, from, data) => share.on((it) => it.ask(writeRequest(unit, kind, from, data, timeoutMs))),
    close: share.close,
  }
}

function tcpKind(target: TcpTarget): LineKind {
  const where = `${target.host}:${target.port}`
  return {
    key: `tcp ${where.toLowerCase()}`,
    manner: 'Modbus TCP',
    where,
    open: (ear) => openSocket(target, ear),
    framing: () => mbapFraming(Math.floor(Math.random() * TRANSACTIONS)),
    silenceMs: 0,
    silenceAfterFaultMs: 0,
    wireMs: () => 0,
    isOurs: false,
    isRenewable: true,
    ...failuresOf(where),
  }
}

/** What a device behind a connection does wrong, for people. */
export function failuresOf(where: string): Pick<LineKind, 'noAnswer' | 'wrongAnswer' | 'lost'> {
  return {
    noAnswer: (unit) =>
      new Unreachable('timeout', `unit ${unit} at ${where} does not answer`, {
        remedy: 'check the unit; make timeout longer for a slow device',
      }),
    wrongAnswer: (unit, what) =>
      new Unreachable('bad-frame', `${where} answers wrongly when unit ${unit} is asked: ${what}`, {
        remedy: 'something else than a Modbus device may answer: check host, port and protocol',
      }),
    lost: (cause) =>
      new Unreachable('connection-lost', `${where} ended the connection`, {
        cause,
        remedy: 'the device may allow only a few connections, or restarts',
      }),
  }
}
