// The thread that asks models for the rules' thread, which waits for each answer: it holds the connection to the scorer, and answers in time whatever
// happens there.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Answer, Ask, Hello } from '../models/wire.ts'
import { lines } from '../models/wire.ts'

export interface ScoringData {
  readonly socket: string
  readonly hello: Hello
  /** Counts answers: who waits is woken by it. Behind it: 1 where this thread has ended. */
  readonly answers: Int32Array<SharedArrayBuffer>
  readonly port: MessagePort
}

/** After a start, models may be loaded first: what is read again then shall be scored as it was. So long where somebody is there who loads them, … */
const BEGIN_MS_MAX = 65_000
/** … and so long until somebody is. */
const CONNECT_MS_MAX = 15_000
const AGAIN_MS = 1_000
/** The scorer answers in a model's time; a little later it does not answer at all. */
const GRACE_MS = 500

const { socket: path, hello, answers, port } = workerData as ScoringData
const begunAt = performance.now()
const open = new Map<number, NodeJS.Timeout>()
const waiting = new Set<Ask>()
let socket: Socket | undefined
let isConnected = false
let isReady = false
let hasBegun = false
let away = 'it has not answered yet'

function wake(): void {
  Atomics.add(answers, 0, 1)
  Atomics.notify(answers, 0)
}

function answer(it: Answer): void {
  clearTimeout(open.get(it.id))
  if (!open.delete(it.id)) return
  port.postMessage(it)
  wake()
}

const unreachable = (id: number) =>
  answer({ id, code: 'scorer-unreachable', text: `the process that runs models does not answer: ${away}` })

function take(request: Ask): void {
  const beginsMs = hasBegun ? 0 : Math.max(0, begunAt + BEGIN_MS_MAX - performance.now())
  const late = () => {
    waiting.delete(request)
    unreachable(request.id)
  }
  open.set(request.id, setTimeout(late, request.timeoutMs + GRACE_MS + beginsMs))
  if (isReady) send(request)
  else if (beginsMs > 0) waiting.add(request)
  else unreachable(request.id)
}

const send = (message: object) => void socket?.write(`${JSON.stringify(message)}\n`)

function heard(line: string): void {
  const message = JSON.parse(line) as Answer | { readonly ready: unknown }
  if (!('ready' in message)) return answer(message)
  isReady = hasBegun = true
  for (const it of waiting) send(it)
  waiting.clear()
}

function begin(): void {
  const it = connect(path)
  socket = it
  const feed = lines(heard)
  it.setEncoding('utf8')
  it.on('connect', () => {
    isConnected = true
    send(hello)
  })
  it.on('data', (piece: string) => {
    try {
      if (!feed(piece)) it.destroy(new Error('a line of it is too long'))
    } catch (error) {
      it.destroy(error as Error)
    }
  })
  it.on('error', (error) => (away = error.message))
  it.on('close', () => {
    isReady = isConnected = false
    for (const id of open.keys()) if (![...waiting].some((one) => one.id === id)) unreachable(id)
    setTimeout(begin, AGAIN_MS)
  })
}

/** Nobody is there: nobody waits any longer. */
function giveUp(): void {
  if (isConnected) return
  hasBegun = true
  for (const { id } of waiting) unreachable(id)
  waiting.clear()
}

process.once('exit', () => {
  Atomics.store(answers, 1, 1)
  wake()
})
begin()
setTimeout(giveUp, CONNECT_MS_MAX).unref()
port.on('message', take)
parentPort?.on('message', () => process.exit(0))
