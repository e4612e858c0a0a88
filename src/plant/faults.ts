// Faults that can be switched on while the plant runs: one at a time for each device.
import { BadInput } from '../core/errors.ts'
import type { FaultSpan } from './served.ts'

export const FAULT_KINDS = ['none', 'stop', 'slow', 'wrong'] as const

/**
 * stop: the device is away (OPC UA and MQTT close, a Modbus unit does not answer, alone on its port it refuses).
 * slow: a Modbus answer takes `delayMs`; OPC UA and MQTT give only every `everyNth` sample.
 * wrong: Modbus answers with an exception or, with `how: truncated`, with half a frame; OPC UA gives a bad status; MQTT an unreadable payload.
 */
export interface Fault {
  readonly kind: (typeof FAULT_KINDS)[number]
  readonly delayMs?: number
  readonly everyNth?: number
  readonly how?: 'exception' | 'truncated'
}

export const NO_FAULT: Fault = { kind: 'none' }

/** The fault in force now. Servers ask at each sample or answer. */
export interface FaultSwitch {
  now: Fault
  /** Called after a change: for what has to close or open. */
  changed: () => void
}

/** Switches, and notes from when to when a fault held. */
export function switchFault(it: FaultSwitch, spans: FaultSpan[], fault: Fault, now: number): void {
  const open = spans.at(-1)
  if (open && open.to === null) open.to = now
  if (fault.kind !== 'none') spans.push({ fault, from: now, to: null })
  it.now = fault
  it.changed()
}

/** Checks what came in over the control socket. */
export function faultOf(input: unknown): Fault {
  const it = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>
  const kind = FAULT_KINDS.find((known) => known === it['kind'])
  if (!kind) throw new BadInput([{ where: 'kind', text: `one of ${FAULT_KINDS.join(', ')}` }])
  const how = it['how'] === 'truncated' ? 'truncated' : 'exception'
  return { kind, delayMs: wholeNumber(it, 'delayMs', 2000), everyNth: wholeNumber(it, 'everyNth', 5), how }
}

function wholeNumber(it: Record<string, unknown>, name: string, otherwise: number): number {
  const value = it[name] ?? otherwise
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 600_000) {
    throw new BadInput([{ where: name, text: 'a whole number from 1 to 600000' }])
  }
  return value
}
