import type { Intervals } from './intervals.ts'

/** What a stream's records are. Each (device, epoch, class, form) is a stream with its own dense sequence from 0. */
export type Form = 'raw' | 'aggregate' | 'gap' | 'event'

export interface Stream {
  readonly device: string
  /** 128 random bits as 32 hexadecimal digits. */
  readonly epoch: string
  readonly class: string
  readonly form: Form
}

/** As text, and as the stem of `ce_id`. Device, class and epoch hold no colon (the settings see to that). */
export function streamKey(stream: Stream): string {
  return `${stream.device}:${stream.epoch}:${stream.class}:${stream.form}`
}

export function streamOf(key: string): Stream {
  const [device = '', epoch = '', name = '', form = 'raw'] = key.split(':')
  return { device, epoch, class: name, form: form as Form }
}

/** A run of sequences [from, to) of one stream. */
export interface StreamRange {
  /** `streamKey` of the stream. */
  readonly stream: string
  readonly from: number
  readonly to: number
}

/** By `streamKey`: the sequences that an uplink has, or that are in doubt, or lost. */
export type StreamIntervals = ReadonlyMap<string, Intervals>
