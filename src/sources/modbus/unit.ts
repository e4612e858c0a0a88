// One unit of a source: polled while it answers, knocked at while it does not, and how it is.
import type { BatchBuilder } from '../../core/batch.ts'
import { Unreachable } from '../../core/errors.ts'
import type { SourceContext, SourceStatus } from '../../core/source.ts'
import { retryMs, sleep } from './cadence.ts'
import { explainException, isGatewayException } from './exceptions.ts'
import type { Memory } from './learned.ts'
import { openMemory } from './learned.ts'
import type { Link, Transport } from './link.ts'
import type { PlanLimits } from './plan.ts'
import type { Poller } from './poll.ts'
import { createPoller, gatewayFailure, STATUS_NO_ANSWER } from './poll.ts'
import type { Point } from './registers.ts'

export interface Unit {
  readonly number: number
  readonly isDown: boolean
  /** For `sources test` and `browse` too. */
  readonly link: Link
  /** One poll into the builder; false when the unit is out of reach. Throws only for bugs. */
  poll(signal: AbortSignal): Promise<boolean>
  /** After a poll that failed: resolves once it answers again, or the signal aborts. */
  knock(signal: AbortSignal): Promise<void>
  status(): SourceStatus
  close(): void
}

export interface UnitParts {
  readonly number: number
  readonly points: readonly Point[]
  readonly limits: PlanLimits
  readonly transport: Transport
  readonly builder: BatchBuilder
  readonly context: SourceContext
  note(word: string): void
}

export function openUnit({ number, points, limits, transport, builder, context, note }: UnitParts): Unit {
  const link = transport.open(number)
  const memory = memoryOf(number, points, limits, transport, context)
  const monotonic = () => context.clock.monotonic()
  const poller = createPoller({ points, limits, builder, memory, monotonic, note })
  let status: SourceStatus = { state: 'starting' }
  let failures = 0

  const read = async (signal: AbortSignal, ...request: Parameters<Link['read']>) => {
    try {
      return await link.read(...request)
    } catch (error) {
      const mayRepeat = status.state === 'up' && error instanceof Unreachable && transport.repeatable.includes(error.code)
      if (!mayRepeat || signal.aborted) throw error
      note('request-repeated')
      return await link.read(...request)
    }
  }
  const failed = (error: Unreachable) => {
    failures++
    if (status.state !== 'down') {
      poller.addMissing(statusCodeOf(error))
      poller.doubtRefused()
      context.log.warn({ source: context.name, unit: number, code: error.code, remedy: error.remedy }, error.message)
    }
    status = { state: 'down', code: error.code, lastError: error.message, ...(error.remedy ? { remedy: error.remedy } : {}) }
  }
  const answered = () => {
    failures = 0
    if (status.state !== 'up') context.log.info({ source: context.name, unit: number }, 'the device answers')
    status = { state: 'up', ...refusedStatus(poller) }
  }
  /** False when it was in vain. */
  const knockOnce = async (signal: AbortSignal): Promise<boolean> => {
    const { kind, address } = points[0] as Point
    try {
      const answer = await link.knock(kind, address)
      if ('exception' in answer && isGatewayException(answer.exception)) throw gatewayFailure(answer.exception)
      return true
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      if (!signal.aborted) failed(error)
      return false
    }
  }
  return {
    number,
    link,
    get isDown() {
      return status.state === 'down'
    },
    async poll(signal) {
      poller.begin()
      try {
        await poller.poll({ read: (...request) => read(signal, ...request) })
        if (!signal.aborted) answered()
        return true
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error
        if (!signal.aborted) failed(error)
        return false
      }
    },
    async knock(signal) {
      while (!signal.aborted) {
        await sleep(retryMs(failures, transport.retryMsMin, Math.random), signal)
        if (signal.aborted || (await knockOnce(signal))) return
      }
    },
    status: () => ({
      ...status,
      details: {
        ...transport.details,
        unit: number,
        blocks: poller.blocks.length,
        refusedTags: poller.refused.length,
        ...(poller.blockMaxLearned === undefined ? {} : { blockMaxLearned: poller.blockMaxLearned }),
      },
    }),
    close() {
      link.close()
      status = { state: 'stopped' }
    },
  }
}

/** What is learned is worth a file, but no failure. */
function memoryOf(
  number: number,
  points: readonly Point[],
  limits: PlanLimits,
  transport: Transport,
  { dir, name, log }: SourceContext,
): Memory {
  const { maxGap, blockMax } = limits
  const about = [transport.details, number, points, maxGap, blockMax]
  const memory = openMemory(dir, `${name}-${number}`, about, points.length)
  return {
    recall: memory.recall,
    keep(learned) {
      try {
        memory.keep(learned)
      } catch (error) {
        log.warn({ source: name }, `what the device refuses cannot be kept in ${dir}: ${(error as Error).message}`)
      }
    },
  }
}

/** What the readings at the transition to down carry: the gateway's exception, else that nothing answered. */
function statusCodeOf(error: Unreachable): number {
  const [, code] = /^exception-(\d+)$/.exec(error.code) ?? []
  return code === undefined ? STATUS_NO_ANSWER : Number(code)
}

/** A device that is up but refuses some addresses. */
function refusedStatus(poller: Poller): Partial<SourceStatus> {
  const [first] = poller.refused
  if (!first) return {}
  const { text, remedy } = explainException(first.exception)
  const { kind, address } = first.point
  const others = poller.refused.length > 1 ? ` and ${poller.refused.length - 1} more` : ''
  return { code: `exception-${first.exception}`, lastError: `${text}: ${kind}:${address}${others}`, remedy }
}
