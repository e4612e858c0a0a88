// Modbus TCP and RTU as sources.
//
//   grid (every) ─► poll: block reads ─► one batch ─► slot (one) ─► whoever reads
//
// - All readings of a poll have one time: the start of the poll, before its first request goes out.
// - Nobody takes the last batch yet: polls are held together; beyond a bound they are skipped ('poll-skipped'). A poll took so long that points of the grid went by: 'poll-late'.
// - A device that does not answer: one bad reading without a value for each tag (status 256, or the gateway's exception), then nothing until
//   it answers again; the status says so all the while. It is asked again after 500 ms, doubled each time up to 30 s, with jitter.
// - A device that answers with an exception is up: its tags are bad, with the exception as status, in every poll.
import type { ReadingBatch } from '../../core/batch.ts'
import { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Protocol, Source, SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import { createGrid, phaseMs, retryMs, sleep } from './cadence.ts'
import { explainException } from './exceptions.ts'
import { createLines } from './line.ts'
import type { Link, Transport } from './link.ts'
import type { Poller } from './poll.ts'
import { createPoller, STATUS_NO_ANSWER } from './poll.ts'
import { pointsOf } from './registers.ts'
import { rtuTransport } from './rtu.ts'
import type { ModbusRtuSettings, ModbusTcpSettings } from './settings.ts'
import type { Slot } from './slot.ts'
import { createSlot } from './slot.ts'
import { tcpTransport } from './tcp.ts'
import { testDevice, testHost } from './test-steps.ts'

export const modbusTcp: Protocol<ModbusTcpSettings> = {
  name: 'modbus-tcp',
  open: (settings, context) => openSource(settings, tcpOf(settings), context),
  async *test(settings, context, signal) {
    yield* testHost(settings.host)
    yield* testDevice(settings, tcpOf(settings), context, signal)
  },
}

function tcpOf({ host, port, unit, timeout }: ModbusTcpSettings): Transport {
  return tcpTransport({ host, port, unit, timeoutMs: timeout })
}

/** The sources that one of these opens share their serial lines. */
export function createModbusRtu(): Protocol<ModbusRtuSettings> {
  const lines = createLines()
  const rtuOf = ({ path, baud, parity, stopBits, unit, timeout }: ModbusRtuSettings) =>
    rtuTransport({ line: { path, baud, parity, stopBits }, unit, timeoutMs: timeout }, lines)
  return {
    name: 'modbus-rtu',
    open: (settings, context) => openSource(settings, rtuOf(settings), context),
    test: (settings, context, signal) => testDevice(settings, rtuOf(settings), context, signal),
  }
}

/** The thread's own: a serial device has one opener, so all sources of a thread must meet here. */
export const modbusRtu = createModbusRtu()

type Polled = Pick<ModbusTcpSettings, 'every' | 'maxGap' | 'blockMax' | 'tags'>

function openSource(settings: Polled, transport: Transport, context: SourceContext): Source {
  const notes: Record<string, number> = {}
  const note = (word: string, count = 1) => {
    notes[word] = (notes[word] ?? 0) + count
  }
  const builder = new BatchBuilder(context.origin, context.clock)
  const poller = createPoller({ points: pointsOf(settings.tags), limits: settings, builder, note })
  const device = openDevice(transport, poller, context, note)
  return {
    async *read(signal) {
      const stop = new AbortController()
      const abort = () => {
        stop.abort()
        device.close()
      }
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      const slot = createSlot<ReadingBatch>()
      // A bug in the polling ends the reading too, and is thrown there.
      const polling = pollForEver({ everyMs: settings.every, device, builder, slot, context, note }, stop.signal).finally(abort)
      polling.catch(() => {})
      try {
        for (let batch = await slot.take(stop.signal); batch; batch = await slot.take(stop.signal)) yield itemOf(batch)
        await polling
        if (!builder.isEmpty) yield itemOf(builder.take(builder.now()))
      } finally {
        signal.removeEventListener('abort', abort)
        abort()
        await polling
      }
    },
    status: () => ({ ...device.status(), notes: { ...notes } }),
  }
}

/** A device can always be read again: nothing hangs on the acknowledgement. */
function itemOf(batch: ReadingBatch): SourceItem {
  return { batch, durable() {} }
}

interface Polling {
  readonly everyMs: number
  readonly device: Device
  readonly builder: BatchBuilder
  readonly slot: Slot<ReadingBatch>
  readonly context: SourceContext
  note(word: string, count?: number): void
}

async function pollForEver({ everyMs, device, builder, slot, context, note }: Polling, signal: AbortSignal): Promise<void> {
  const { clock } = context
  const grid = createGrid(clock.monotonic() + phaseMs(context.name, everyMs), everyMs)
  let failures = 0
  while (!signal.aborted) {
    if (failures > 0) {
      await sleep(retryMs(failures, device.retryMsMin, Math.random), signal)
      grid.skip(clock.monotonic())
    } else {
      const { waitMs, missed } = grid.next(clock.monotonic())
      if (missed > 0) note('poll-late', missed)
      await sleep(waitMs, signal)
    }
    if (signal.aborted) return
    // Polls keep their own pace: while nobody takes them they are held together, and skipped only beyond the bound.
    if (slot.isFull && builder.count >= SOURCE_QUEUE_READINGS_MAX) {
      note('poll-skipped')
      continue
    }
    failures = (await device.poll(signal)) ? 0 : failures + 1
    if (!signal.aborted && !builder.isEmpty && !slot.isFull) slot.put(builder.take(builder.now()))
  }
}

interface Device {
  readonly retryMsMin: number
  /** One poll into the builder; false when the device is out of reach. Throws only for bugs. */
  poll(signal: AbortSignal): Promise<boolean>
  status(): SourceStatus
  close(): void
}

function openDevice(transport: Transport, poller: Poller, context: SourceContext, note: (word: string) => void): Device {
  let link: Link | undefined
  let status: SourceStatus = { state: 'starting' }
  const connected = async (signal: AbortSignal) => {
    if (link?.isOpen) return link
    link?.close()
    link = undefined
    link = await transport.connect(signal)
    if (signal.aborted) link.close()
    return link
  }
  const read = async (signal: AbortSignal, ...request: Parameters<Link['read']>) => {
    try {
      return await (await connected(signal)).read(...request)
    } catch (error) {
      const mayRepeat = status.state === 'up' && error instanceof Unreachable && transport.repeatable.includes(error.code)
      if (!mayRepeat || signal.aborted) throw error
      note('request-repeated')
      return await (await connected(signal)).read(...request)
    }
  }
  const failed = (error: Unreachable) => {
    if (status.state !== 'down') {
      poller.addMissing(statusCodeOf(error))
      context.log.warn({ source: context.name, code: error.code, remedy: error.remedy }, error.message)
    }
    poller.forgetRefused()
    status = { state: 'down', code: error.code, lastError: error.message, ...(error.remedy ? { remedy: error.remedy } : {}) }
  }
  const answered = () => {
    if (status.state !== 'up') context.log.info({ source: context.name }, 'the device answers')
    status = { state: 'up', ...refusedStatus(poller) }
  }
  return {
    retryMsMin: transport.retryMsMin,
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
    status: () => ({
      ...status,
      details: { ...transport.details, blocks: poller.blocks.length, refusedTags: poller.refused.length },
    }),
    close() {
      link?.close()
      status = { state: 'stopped' }
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
