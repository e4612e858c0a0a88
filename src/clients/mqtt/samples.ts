// Payloads that could not be read, a few of them, for the engineer who is to find out why: the first of each reason and topic, in a file of the
// source's own folder. Bounded in number and size, written seldom, and never in the way: a file that cannot be written is no fault of the source.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Micros } from '../../core/reading.ts'
import type { SourceContext } from '../../core/source.ts'

const SAMPLES_MAX = 20
const SAMPLE_BYTES_MAX = 2_048
const WRITE_EVERY_MS = 5_000
const SHOWN_MAX = 80

interface Sample {
  readonly time: string
  readonly topic: string
  readonly reason: string
  readonly bytes: number
  readonly text?: string
  readonly base64?: string
}

export interface Samples {
  keep(topic: string, payload: Uint8Array | string, reason: string, now: Micros): void
  /** For the details of a status. */
  details(): Readonly<Record<string, string | number>>
  /** Writes what waits to be written. */
  close(): void
}

export function newSamples({ dir, name }: SourceContext, protocol: string): Samples {
  const path = resolve(dir, `${protocol}-${name}.samples.jsonl`)
  const kept: Sample[] = []
  const seen = new Set<string>()
  let last = ''
  let timer: NodeJS.Timeout | undefined
  let isWritten = false

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(`${path}.new`, kept.map((it) => `${JSON.stringify(it)}\n`).join(''))
      renameSync(`${path}.new`, path)
      isWritten = true
    } catch {
      isWritten = false
    }
  }

  return {
    keep(topic, payload, reason, now) {
      if (seen.size >= SAMPLES_MAX || seen.has(`${reason}\0${topic}`)) return
      seen.add(`${reason}\0${topic}`)
      const sample = sampleOf(topic, Buffer.from(payload), reason, now)
      last = `${topic}: ${reason}: ${(sample.text ?? sample.base64 ?? '').slice(0, SHOWN_MAX)}`
      kept.push(sample)
      timer ??= setTimeout(write, kept.length === 1 ? 0 : WRITE_EVERY_MS).unref()
    },
    details: () => (kept.length === 0 ? {} : { lastUnreadable: last, ...(isWritten && { samples: path }) }),
    close() {
      if (timer) write()
    },
  }
}

function sampleOf(topic: string, payload: Buffer, reason: string, now: Micros): Sample {
  const part = payload.subarray(0, SAMPLE_BYTES_MAX)
  const isText = Buffer.from(part.toString()).equals(part)
  return {
    time: new Date(now / 1000).toISOString(),
    topic,
    reason,
    bytes: payload.length,
    ...(isText ? { text: part.toString() } : { base64: part.toString('base64') }),
  }
}
