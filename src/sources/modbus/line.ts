// A serial line and the devices on it. Several sources may share a line: each asks in its turn, one request at a time, and what is on the
// line before a request goes out is thrown away, so that a late or doubled answer is not taken for the next one.
import { readdir, realpath } from 'node:fs/promises'
import { SerialPort } from 'serialport'
import { Unreachable } from '../../core/errors.ts'
import { answerFrameBytes, answerScanner, requestFrame } from './frame.ts'
import type { Answer } from './link.ts'

/** The standard's silence between frames, in characters, and its least value. */
const SILENCE_CHARS = 3.5
const SILENCE_MS_MIN = 2
/** After a fault: longer than the gaps that USB adapters put into a frame. */
const SILENCE_AFTER_FAULT_MS = 40
/** A line that never falls silent is asked all the same: the request then fails by itself. */
const SILENCE_WAIT_MS_MAX = 500

export interface LineSettings {
  readonly path: string
  readonly baud: number
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

export interface Request {
  readonly unit: number
  readonly code: number
  readonly from: number
  readonly count: number
  /** Bytes of data that the answer has. */
  readonly dataBytes: number
  readonly timeoutMs: number
}

/** One source's share in a line. */
export interface LineUse {
  readonly isOpen: boolean
  /** Fails with Unreachable: 'timeout' (nothing came), 'bad-frame' (something came, no answer), 'connection-lost'. */
  ask(request: Request): Promise<Answer>
  /** The last one to leave closes the port. A request under way fails. */
  release(): void
}

export interface Lines {
  /** Fails with Unreachable. */
  use(settings: LineSettings): Promise<LineUse>
}

interface Line {
  readonly settings: LineSettings
  readonly port: SerialPort
  readonly opened: Promise<void>
  users: number
  closed: Promise<void> | undefined
  /** The end of the queue of requests; never fails. */
  tail: Promise<unknown>
  lastByteAt: number
  silenceMs: number
  receive: ((chunk: Buffer) => void) | undefined
  lost: (() => void) | undefined
}

/** The lines of one worker, by the device that their path leads to. */
export function createLines(): Lines {
  const lines = new Map<string, Line>()
  return {
    async use(settings) {
      const key = await realpath(settings.path).catch(() => settings.path)
      // Opening right after closing fails: the lock on the device goes with the old port.
      await lines.get(key)?.closed
      const known = lines.get(key)
      const line = known && !known.closed ? known : openLine(settings, (it) => lines.get(key) === it && lines.delete(key))
      if (!sameSettings(line.settings, settings)) throw differing(settings.path)
      lines.set(key, line)
      line.users++
      try {
        await line.opened
      } catch (error) {
        leave(line)
        throw await openFailure(settings.path, error as Error)
      }
      return lineUse(line)
    },
  }
}

function openLine(settings: LineSettings, forget: (line: Line) => void): Line {
  const { path, baud, parity, stopBits } = settings
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits, autoOpen: false })
  const opened = new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  const line: Line = {
    settings,
    port,
    opened,
    users: 0,
    closed: undefined,
    tail: Promise.resolve(),
    lastByteAt: 0,
    silenceMs: silenceMsOf(settings),
    receive: undefined,
    lost: undefined,
  }
  opened.catch(() => forget(line))
  port.on('data', (chunk: Buffer) => {
    line.lastByteAt = performance.now()
    line.receive?.(chunk)
  })
  // An adapter that is pulled out gives an error, then a close; what is under way fails with the latter.
  port.on('error', () => {})
  port.on('close', () => {
    forget(line)
    line.lost?.()
  })
  return line
}

function leave(line: Line): void {
  line.users--
  if (line.users > 0 || !line.port.isOpen) return
  line.closed = new Promise((resolve) => line.port.close(() => resolve()))
}

function lineUse(line: Line): LineUse {
  let isReleased = false
  let cancel: (() => void) | undefined
  return {
    get isOpen() {
      return !isReleased && line.port.isOpen
    },
    ask(request) {
      return new Promise<Answer>((resolve, reject) => {
        cancel = () => reject(new Unreachable('stopped', 'the source is being stopped'))
        const turn = line.tail.then(() => {
          if (isReleased) return
          return exchange(line, request).then(resolve, reject)
        })
        line.tail = turn
      })
    },
    release() {
      if (isReleased) return
      isReleased = true
      cancel?.()
      leave(line)
    },
  }
}

/** One request and its answer, from silence to silence. */
async function exchange(line: Line, request: Request): Promise<Answer> {
  await silence(line)
  await flush(line.port)
  try {
    const answer = await converse(line, request)
    line.silenceMs = silenceMsOf(line.settings)
    return answer
  } catch (error) {
    line.silenceMs = SILENCE_AFTER_FAULT_MS
    throw error
  } finally {
    line.receive = undefined
    line.lost = undefined
  }
}

function converse(line: Line, request: Request): Promise<Answer> {
  const { unit, code, from, count, dataBytes } = request
  const scan = answerScanner(unit, code, dataBytes)
  const { path } = line.settings
  let bytesSeen = 0
  return new Promise<Answer>((resolve, reject) => {
    const fail = (error: Unreachable) => {
      clearTimeout(timer)
      reject(error)
    }
    const timer = setTimeout(() => reject(noAnswer(path, unit, bytesSeen)), request.timeoutMs + wireMs(line.settings, dataBytes))
    line.lost = () => fail(lineLost(path))
    line.receive = (chunk) => {
      bytesSeen += chunk.length
      const answer = scan(chunk)
      if (!answer) return
      clearTimeout(timer)
      resolve(answer)
    }
    if (!line.port.isOpen) return line.lost()
    line.port.write(requestFrame(unit, code, from, count), (error) => {
      if (error) fail(lineLost(path, error))
    })
  })
}

async function silence(line: Line): Promise<void> {
  const deadline = performance.now() + SILENCE_WAIT_MS_MAX
  for (;;) {
    const now = performance.now()
    const waitMs = Math.min(line.lastByteAt + line.silenceMs, deadline) - now
    if (waitMs <= 0) return
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(waitMs)))
  }
}

function flush(port: SerialPort): Promise<void> {
  // What goes wrong here goes wrong again with the request, which says so.
  return new Promise((resolve) => {
    if (!port.isOpen) return resolve()
    port.flush(() => resolve())
  })
}

function charMs({ baud, parity, stopBits }: LineSettings): number {
  return ((1 + 8 + (parity === 'none' ? 0 : 1) + stopBits) * 1_000) / baud
}

function silenceMsOf(settings: LineSettings): number {
  return Math.max(SILENCE_MS_MIN, SILENCE_CHARS * charMs(settings))
}

/** How long a request and its answer are on the wire. */
function wireMs(settings: LineSettings, dataBytes: number): number {
  return Math.ceil((8 + answerFrameBytes(dataBytes)) * charMs(settings))
}

function sameSettings(a: LineSettings, b: LineSettings): boolean {
  return a.baud === b.baud && a.parity === b.parity && a.stopBits === b.stopBits
}

function differing(path: string): Unreachable {
  return new Unreachable('line-settings-differ', `another source uses ${path} with other line settings`, {
    remedy: 'give all sources on this line the same baud, parity and stopBits',
  })
}

function noAnswer(path: string, unit: number, bytesSeen: number): Unreachable {
  return bytesSeen === 0
    ? new Unreachable('timeout', `unit ${unit} on ${path} does not answer`, {
        remedy: 'check the unit, baud, parity and stopBits, A and B of the wiring, and the power of the device',
      })
    : new Unreachable('bad-frame', `unit ${unit} on ${path}: ${bytesSeen} bytes came, no answer among them`, {
        remedy: 'check baud, parity and stopBits, termination and shield of the line, and that each unit is there once',
      })
}

function lineLost(path: string, cause?: unknown): Unreachable {
  return new Unreachable('connection-lost', `${path} is gone`, { cause, remedy: 'check the plug of the serial adapter' })
}

async function openFailure(path: string, error: Error): Promise<Unreachable> {
  const text = error.message
  if (text.includes('lock'))
    return new Unreachable('busy', `${path} is in use`, { cause: error, remedy: 'stop the other program that holds it' })
  if (text.includes('ermission'))
    return new Unreachable('denied', `${path} may not be opened`, {
      cause: error,
      remedy: "let the agent's user into the device's group (dialout)",
    })
  if (!text.includes('No such file'))
    return new Unreachable('unreachable', text, { cause: error, remedy: 'path must lead to a serial device' })
  const there = await readdir('/dev/serial/by-id').catch(() => [])
  const remedy =
    there.length > 0 ? `there are: ${there.map((it) => `/dev/serial/by-id/${it}`).join(', ')}` : 'plug in the serial adapter'
  return new Unreachable('no-device', `${path} is not there`, { cause: error, remedy })
}
