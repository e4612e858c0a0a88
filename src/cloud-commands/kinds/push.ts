// Data for local consumers: a reading below PUSHED, through the log as any other, so an uplink to a broker keeps it as the tag's last value. Its time is
// when it was begun: one that a kill cut off is looked for in the log by it.
import type { z } from 'zod'
import { BatchBuilder } from '../../core/batch.ts'
import type { LogWriter } from '../../core/log.ts'
import type { ValueKind } from '../../core/reading.ts'
import type { Kind, Outcome } from '../kind.ts'
import type { PUSH } from '../parse.ts'

/** No command says something in the name of a tag of a source. */
const PUSHED = 'cloud/'

export interface PushParts {
  classes(): readonly string[]
  /** A number that no source has. */
  newOrigin(): number
  /** Rejects with Unreachable. */
  writer(): Pick<LogWriter, 'append' | 'forget'>
  /** Whether the log has a reading of a tag at a time. */
  has(tag: string, time: number, signal: AbortSignal): Promise<boolean>
}

interface Facts {
  readonly at: number
  readonly class: string
}

export function pushKind({ classes, newOrigin, writer, has }: PushParts): Kind {
  async function append({ tag, value, unit }: z.output<typeof PUSH>, { at, class: name }: Facts): Promise<Outcome> {
    const origin = newOrigin()
    const builder = new BatchBuilder(origin)
    const series = builder.series({ tag: PUSHED + tag, class: name, kind: kindOf(value), ...(unit !== undefined && { unit }) })
    if (typeof value === 'string') builder.addString(series, at, value)
    else builder.add(series, at, Number(value))
    const log = writer()
    await log.append(builder.take(at))
    log.forget(origin)
    return { result: 'done', detail: { tag: PUSHED + tag, class: name } }
  }

  return {
    async run({ body }, { begin, now }) {
      const pushed = body as z.output<typeof PUSH>
      const name = pushed.class ?? classes().at(-1) ?? ''
      if (!classes().includes(name))
        return { result: 'refused', code: 'push-no-class', reason: `there is no class ${name}: ${classes().join(', ')}` }
      const facts: Facts = { at: now(), class: name }
      begin(facts)
      return append(pushed, facts)
    },
    async resume({ body, facts }, { signal }) {
      const pushed = body as z.output<typeof PUSH>
      const known = facts as Facts
      if (await has(PUSHED + pushed.tag, known.at, signal))
        return { result: 'done', detail: { tag: PUSHED + pushed.tag, class: known.class } }
      return append(pushed, known)
    },
  }
}

function kindOf(value: string | number | boolean): ValueKind {
  return typeof value === 'string' ? 'string' : typeof value === 'boolean' ? 'bool' : 'double'
}
