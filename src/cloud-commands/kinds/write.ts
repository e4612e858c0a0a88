// A value to a PLC. What was begun is never sent a second time: it is read back, and the answer says what was read.
//
//   rule, limits, rate ─► what is there now, what would be ─► begun, on disk ─► one request to write ─► read back
import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import type { Control } from '../../core/cloud-command.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Value } from '../../core/reading.ts'
import type { SourceSettings } from '../../core/settings.ts'
import type { Kind, Outcome } from '../kind.ts'
import { refusedChange, refusedValue, ruleFor } from '../limits.ts'
import type { WRITE } from '../parse.ts'

export interface WriteParts {
  sources(): readonly SourceSettings[]
  /** Rejects with Unreachable. */
  control(source: string): Control
  begunAt(target: string): number | undefined
}

interface Facts {
  readonly source: string
  readonly tag: string
  readonly from: Plain
  readonly to: Plain
}

type Plain = string | number | boolean

/** A device that is just away may be back. */
const READ_BACK_MS_MAX = 30_000
const READ_AGAIN_MS = 500

export function writeKind({ sources, control, begunAt }: WriteParts): Kind {
  async function readBack({ source, tag }: Facts, signal: AbortSignal): Promise<Plain | undefined> {
    const ends = performance.now() + READ_BACK_MS_MAX
    for (;;) {
      try {
        return plain(await control(source).read(tag))
      } catch (error) {
        if (!(error instanceof Unreachable)) return undefined
        signal.throwIfAborted()
        if (performance.now() > ends) return undefined
        await sleep(READ_AGAIN_MS)
      }
    }
  }

  /** `isWritten`: the far end has said so. */
  async function judged(facts: Facts, isWritten: boolean, signal: AbortSignal): Promise<Outcome> {
    const read = await readBack(facts, signal)
    const detail = { ...facts, read: read ?? null }
    const audit = { ...textsOf(facts), read: read === undefined ? 'nothing' : String(read) }
    if (read !== undefined && String(read) === String(facts.to)) return { result: 'done', detail, audit }
    const found = read === undefined ? 'nothing could be read back' : `${read} was read back`
    if (isWritten && read !== undefined)
      return { result: 'failed', code: 'write-not-kept', reason: `${facts.to} was written, and ${found}`, detail, audit }
    return { result: 'unknown', code: 'write-unknown', reason: `nobody knows whether it was written: ${found}`, detail, audit }
  }

  return {
    async run({ body }, { begin, now, signal }) {
      const { tag, value, source } = body as z.output<typeof WRITE>
      const allowed = ruleFor(sources(), tag, source)
      if ('result' in allowed) return allowed
      const target = `${allowed.source} ${tag}`
      const asked: Value = value
      const early = refusedValue(allowed, asked, now(), begunAt(target))
      if (early) return early
      const far = control(allowed.source)
      const { from, to } = await far.prepare(tag, asked)
      const late = refusedChange(allowed, from, to)
      if (late) return late
      const facts: Facts = { source: allowed.source, tag, from: plain(from), to: plain(to) }
      begin(facts, target)
      try {
        await far.write(tag, asked)
      } catch (error) {
        if (error instanceof BadInput)
          return { result: 'failed', code: 'write-refused', reason: error.message, detail: { ...facts }, audit: textsOf(facts) }
        if (error instanceof Unreachable) return judged(facts, false, signal)
        throw error
      }
      return judged(facts, true, signal)
    },
    resume: ({ facts }, { signal }) => judged(facts as Facts, false, signal),
  }
}

function plain(value: Value): Plain {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

function textsOf({ source, tag, from, to }: Facts): Record<string, string> {
  return { source, tag, from: String(from), to: String(to) }
}
