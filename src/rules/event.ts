// An event of a rule: a reading of the rule's own tag, whose text says in JSON what was seen.
import { RULE_EVENT_BYTES_MAX } from '../core/bounds.ts'
import type { RuleModel } from '../core/model.ts'
import type { Raised, RuleSettings } from '../core/rule.ts'
import type { Names } from './expression.ts'
import type { Said } from './model.ts'
import type { WindowView } from './view.ts'

export interface RuleEvent {
  readonly rule: string
  readonly class: string
  /** A tumbling window's end; else the time of the last reading in it. */
  readonly time: number
  readonly text: string
  readonly raised?: Raised
}

/** Of a tag and a text value: so that an event stays one record of readable size. */
const TEXT_CHARS_MAX = 400

/** `device`: the box that took the reading; `said`: what a model said of it, where it was asked. */
export function eventOf({ name, window, model, yields }: RuleSettings, names: Names, device: string, said?: Said): RuleEvent {
  const time = window?.kind === 'tumbling' && names.window ? names.window.end : names.time
  const words = {
    rule: name,
    device,
    tag: names.tag.slice(0, TEXT_CHARS_MAX),
    time: names.time,
    value: plain(names.value),
    ...(names.unit && { unit: names.unit.slice(0, 64) }),
    quality: names.quality,
    ...(names.window && { window: windowOf(names.window) }),
    ...(model && said && { model: modelOf(model, said) }),
  }
  const text = JSON.stringify(words)
  // Control characters take six bytes each.
  const fits = Buffer.byteLength(text) <= RULE_EVENT_BYTES_MAX
  return {
    rule: name,
    class: yields.class,
    time,
    text: fits ? text : JSON.stringify({ ...words, value: null }),
    ...(yields.raise && { raised: raisedBy(name, yields.raise, time, device) }),
  }
}

function raisedBy(
  rule: string,
  { beforeMs, afterMs }: NonNullable<RuleSettings['yields']['raise']>,
  time: number,
  device: string,
): Raised {
  return { rule, device, from: time - beforeMs * 1000, to: time + afterMs * 1000 }
}

function windowOf(view: WindowView) {
  const { good, uncertain, bad, valued, mean, std, min, max, first, last } = view.statistics
  const qualities = { count: view.count, good, uncertain, bad }
  return { start: view.start, end: view.end, ...qualities, ...(valued > 0 && { mean, std, min, max, first, last }) }
}

/** Which model said what. Without a score an event can still come of the rest of the expression. */
function modelOf({ name, outputs }: RuleModel, said: Said) {
  const figures = Object.entries(outputs).map(([as, output]) => [as, plain(said.outputs[output] ?? Number.NaN)])
  const { version = null, sha256 = null } = said.of ?? {}
  return { name, version, sha256, ...Object.fromEntries(figures) }
}

/** JSON has no NaN and no large integers: none, and text. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'string') return value.slice(0, TEXT_CHARS_MAX)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'boolean' ? value : null
}
