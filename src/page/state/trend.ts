// The last minutes of what flows, as this browser saw it: for the small charts beside the figures.
import { effect, signal } from '@preact/signals'
import type { HostStatus } from '../../core/status.ts'
import { status } from './status.ts'

const SAMPLES_MAX = 150

export interface Sample {
  readonly at: number
  readonly in: number
  readonly out: number
  readonly logBytes: number
  readonly host: HostStatus
}

export const trend = signal<readonly Sample[]>([])

effect(() => {
  const it = status.value
  if (it === undefined) return
  const sum = (all: readonly { readonly readingsPerSecond: number }[]) =>
    all.reduce((total, one) => total + one.readingsPerSecond, 0)
  const sample = { at: Date.now(), in: sum(it.sources), out: sum(it.uplinks), logBytes: it.log.bytes, host: it.host }
  trend.value = [...trend.peek(), sample].slice(-SAMPLES_MAX)
})
