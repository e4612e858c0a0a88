// Calls between threads: a request with a number, an answer with the same number. Arguments and results go by structured clone, buffers by transfer.
import type { MessagePort, Worker } from 'node:worker_threads'
import type { Problem } from '../core/errors.ts'
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'

type Link = MessagePort | Worker

interface Request {
  readonly call: string
  readonly id: number
  readonly args: readonly unknown[]
}
interface Answer {
  readonly answer: number
  readonly value?: unknown
  readonly error?: unknown
}

/** A result that hands its buffers over instead of copying them. */
export interface Handed {
  readonly value: unknown
  readonly transfer: readonly ArrayBuffer[]
}

type Handler = (...args: never[]) => unknown
export type Handlers = Readonly<Record<string, Handler>>

const isHanded = (it: unknown): it is Handed => typeof it === 'object' && it !== null && 'transfer' in it && 'value' in it

/** Answers calls on a link. A handler may return a value, a promise, or `Handed`. */
export function serve(link: Link, handlers: Handlers): void {
  link.on('message', (message: Request) => {
    if (message.call !== undefined) void answer(link, handlers, message)
  })
}

async function answer(link: Link, handlers: Handlers, { call, id, args }: Request): Promise<void> {
  try {
    const handler = handlers[call]
    if (!handler) throw new Error(`no call named ${call}`)
    const value = await handler(...(args as never[]))
    if (id < 0) return
    if (isHanded(value)) link.postMessage({ answer: id, value: value.value } satisfies Answer, [...value.transfer])
    else link.postMessage({ answer: id, value } satisfies Answer)
  } catch (error) {
    if (id < 0) throw error
    link.postMessage({ answer: id, error: packed(error) } satisfies Answer)
  }
}

export interface Caller {
  call<T>(name: string, args: readonly unknown[], transfer?: readonly ArrayBuffer[]): Promise<T>
  /** No answer is wanted. */
  tell(name: string, args: readonly unknown[], transfer?: readonly ArrayBuffer[]): void
  /** Rejects all open calls: the other side is gone. */
  fail(error: unknown): void
}

export function caller(link: Link): Caller {
  let next = 0
  const open = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  link.on('message', (message: Answer) => {
    if (message.answer === undefined) return
    const it = open.get(message.answer)
    open.delete(message.answer)
    if (message.error === undefined) it?.resolve(message.value)
    else it?.reject(unpacked(message.error))
  })
  return {
    call: <T>(name: string, args: readonly unknown[], transfer: readonly ArrayBuffer[] = []) =>
      new Promise<T>((resolve, reject) => {
        const id = next++
        open.set(id, { resolve: resolve as (value: unknown) => void, reject })
        link.postMessage({ call: name, id, args } satisfies Request, [...transfer])
      }),
    tell(name, args, transfer = []) {
      link.postMessage({ call: name, id: -1, args } satisfies Request, [...transfer])
    },
    fail(error) {
      for (const it of open.values()) it.reject(error)
      open.clear()
    },
  }
}

// Structured clone keeps an error's message only; our errors say more, and the reaction depends on their class.

interface Packed {
  readonly name: string
  readonly message: string
  readonly stack?: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

/** An error as plain data: its name, and those of its fields that JSON can carry. */
export function packed(error: unknown): Packed {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} }
  const { cause: _, ...fields } = error as Error & Record<string, unknown>
  return { name: error.name, message: error.message, stack: error.stack, fields: plainFields(fields) }
}

function plainFields(fields: object): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(fields)) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The error again, of its class where it is one of ours. */
export function unpacked(data: unknown): Error {
  const { name, message, stack, fields } = data as Packed
  const error = ofClass(name, message, fields)
  // A class's own `name` cannot be assigned.
  const { name: _, ...others } = fields as Record<string, unknown>
  Object.assign(error, others)
  if (stack !== undefined) error.stack = stack
  return error
}

function ofClass(name: string, message: string, fields: Readonly<Record<string, unknown>>): Error {
  const { code, topics, classes, problems } = fields as { code: string; topics: string[]; classes: string[]; problems: Problem[] }
  if (name === 'BadInput') return new BadInput(problems)
  if (name === 'Unreachable') return new Unreachable(code, message)
  if (name === 'Blocked') return new Blocked(code, message, { topics, classes })
  const error = new Error(message)
  Object.defineProperty(error, 'name', { value: name, enumerable: false })
  return error
}
