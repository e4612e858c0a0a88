// A line and the units on it: a serial bus, or a connection to a device or a gateway. Several sources may share it: each asks in its turn,
// one request at a time. Where frames carry no number, what is on the line before a request goes out is thrown away, so that a late or
// doubled answer is not taken for the next one.
//
// Units that do not answer are knocked at (knocks.ts) in a small share of the time, so that those that do keep their rate.
import { setTimeout as sleep } from 'node:timers/promises'
import { Unreachable } from '../../core/errors.ts'
import type { Channel, Ear, Framing, Request } from './channel.ts'
import { isGatewayException } from './exceptions.ts'
import type { Knocks } from './knocks.ts'
import { createKnocks } from './knocks.ts'
import type { Answer } from './link.ts'

/** A line that never falls silent is asked all the same: the request then fails by itself. */
const SILENCE_WAIT_MS_MAX = 500
/** So many requests one after the other without a byte, of whichever units: the way itself is dead. */
const SILENT_REQUESTS_MAX = 3

/** What a way to units is like. */
export interface LineKind {
  /** Who has the same shares the line. */
  readonly key: string
  /** Text that must be the same for all who share it, and what it is about. */
  readonly manner: string
  /** For people. */
  readonly where: string
  open(ear: Ear): Promise<Channel>
  framing(): Framing
  /** Before a request, and before the one after a fault; 0: frames can be told apart. */
  readonly silenceMs: number
  readonly silenceAfterFaultMs: number
  /** How long a request and an answer are on the wire. */
  wireMs(dataBytes: number): number
  /** What a unit takes of its time we see; behind a gateway the wait for a dead one goes on after we have given up. */
  readonly isOurs: boolean
  /** A new connection is a new beginning: after silence and after what is no Modbus. */
  readonly isRenewable: boolean
  /** What is said to people when nothing, or no answer, has come. */
  noAnswer(unit: number): Unreachable
  wrongAnswer(unit: number, what: string): Unreachable
  lost(cause?: unknown): Unreachable
}

/** One unit's share in a line. */
export interface LineUse {
  connect(): Promise<void>
  /** Fails with Unreachable. */
  ask(request: Request): Promise<Answer>
  /** The same of a unit that is away; the request's time-out is what it gets now and then. */
  knock(request: Request): Promise<Answer>
  /** Requests of this user fail; the last one to leave closes the way. */
  release(): void
}

interface Way {
  readonly channel: Channel
  readonly framing: Framing
}

export interface Line {
  readonly kind: LineKind
  readonly users: number
  use(): LineUse
  /** Settled once the way is closed. */
  readonly closed: Promise<unknown>
}

/** `left`: nobody uses it any more. */
export function createLine(kind: LineKind, left: () => void): Line {
  let way: Way | undefined
  let closing: Promise<unknown> = Promise.resolve()
  let lastByteAt = -Infinity
  let quietMs = kind.silenceMs
  let silentRequests = 0
  /** The end of the queue of requests; never fails. */
  let tail: Promise<unknown> = Promise.resolve()
  let receive: ((chunk: Buffer) => void) | undefined
  let lost: ((cause?: unknown) => void) | undefined
  const users = new Set<object>()
  const knocks = createKnocks(kind.isOurs)

  const end = () => {
    const ended = way?.channel
    way = undefined
    if (!ended) return
    closing = ended.close()
    lost?.()
  }
  const opened = async (): Promise<Way> => {
    if (way?.channel.isOpen) return way
    end()
    await closing
    const framing = kind.framing()
    const channel = await kind.open({
      data(chunk) {
        if (way?.framing !== framing) return
        lastByteAt = performance.now()
        if (receive) receive(chunk)
        else if ('broken' in (framing.take(chunk) ?? {})) end()
      },
      lost(cause) {
        if (way?.framing !== framing) return
        way = undefined
        lost?.(cause)
      },
    })
    if (users.size === 0) {
      closing = channel.close()
      throw stopped()
    }
    way = { channel, framing }
    return way
  }
  const silence = async () => {
    const deadline = performance.now() + SILENCE_WAIT_MS_MAX
    for (;;) {
      const waitMs = Math.min(lastByteAt + quietMs, deadline) - performance.now()
      if (waitMs <= 0) return
      await sleep(Math.ceil(waitMs))
    }
  }
  const converse = ({ channel, framing }: Way, request: Request): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      let bytesSeen = 0
      const wrong = (what: string) => reject(kind.wrongAnswer(request.unit, what))
      const timer = setTimeout(
        () => (bytesSeen === 0 ? reject(kind.noAnswer(request.unit)) : wrong(`${bytesSeen} bytes came, no answer among them`)),
        request.timeoutMs + kind.wireMs(request.dataBytes),
      )
      lost = (cause) => {
        clearTimeout(timer)
        reject(kind.lost(cause))
      }
      receive = (chunk) => {
        bytesSeen += chunk.length
        const taken = framing.take(chunk)
        if (!taken) return
        clearTimeout(timer)
        if ('broken' in taken) wrong(taken.broken)
        else resolve(taken)
      }
      if (channel.isOpen) channel.write(framing.ask(request))
      else lost()
    })
  const failed = (error: unknown) => {
    quietMs = kind.silenceAfterFaultMs
    const { code } = error as Partial<Unreachable>
    if (code === 'timeout') silentRequests++
    const isDead = code === 'timeout' && (users.size === 1 || silentRequests >= SILENT_REQUESTS_MAX)
    if (kind.isRenewable && (isDead || code === 'bad-frame')) end()
  }
  /** One request and its answer, from silence to silence. */
  const exchange = async (request: Request): Promise<Answer> => {
    const open = await opened()
    if (quietMs > 0) {
      await silence()
      await open.channel.discard()
    }
    try {
      const answer = await converse(open, request)
      quietMs = kind.silenceMs
      silentRequests = 0
      return answer
    } catch (error) {
      failed(error)
      throw error
    } finally {
      open.framing.end()
      receive = undefined
      lost = undefined
    }
  }
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const turn = tail.then(run)
    tail = turn.catch(() => {})
    return turn
  }
  return {
    kind,
    get users() {
      return users.size
    },
    get closed() {
      return closing
    },
    use: () =>
      createUse({ inTurn, opened, exchange, knocks }, users, () => {
        if (users.size > 0) return
        end()
        left()
      }),
  }
}

interface Turns {
  inTurn<T>(run: () => Promise<T>): Promise<T>
  opened(): Promise<unknown>
  exchange(request: Request): Promise<Answer>
  readonly knocks: Knocks
}

function createUse({ inTurn, opened, exchange, knocks }: Turns, users: Set<object>, leave: () => void): LineUse {
  const me = {}
  users.add(me)
  const released = new AbortController()
  const { signal } = released
  /** Ends at once when the user leaves; what is under way on the line goes on for the sake of those that follow. */
  const mine = <T>(run: () => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const stop = () => reject(stopped())
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop, { once: true })
      run()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop))
    })
  const turn = <T>(run: () => Promise<T>) =>
    inTurn(async () => {
      signal.throwIfAborted()
      return run()
    })
  const timed = async (request: Request) => {
    const begun = performance.now()
    try {
      const answer = await exchange(request)
      if ('exception' in answer && isGatewayException(answer.exception)) knocks.failed(me)
      else knocks.answered(me, performance.now() - begun)
      return answer
    } catch (error) {
      knocks.failed(me)
      throw error
    }
  }
  return {
    connect: () => mine(() => turn(async () => void (await opened()))),
    ask: (request) => mine(() => turn(() => timed(request))),
    knock: (request) =>
      mine(() => knocks.run(me, signal, request.timeoutMs, (timeoutMs) => turn(() => timed({ ...request, timeoutMs })))),
    release() {
      if (signal.aborted) return
      released.abort()
      users.delete(me)
      knocks.forget(me)
      leave()
    },
  }
}

export function stopped(): Unreachable {
  return new Unreachable('stopped', 'the source is being stopped')
}
