// Classes as somebody edits them: texts with their units, as they stand in the settings file. Into the file they go back with its comments.
import type { Document, YAMLMap } from 'yaml'
import { isMap, isSeq, parseDocument } from 'yaml'
import type { ClassWhatIf, Keep, LadderStep } from '../../../core/retention.ts'
import { parseBytes, parseDurationMs, parsePercent } from '../../../core/units.ts'
import { isVar, textOf } from '../../settings-text/scalar.ts'

export interface StepDraft {
  readonly on: 'offlineFor' | 'filledTo'
  /** `7d`, `80%`. */
  readonly at: string
  /** `raw`, `nothing`, or the window of an aggregate: `10s`. */
  readonly keep: string
}

export interface ClassDraft {
  readonly name: string
  /** Its name in the file; undefined: it is new. */
  readonly was: string | undefined
  readonly floor: string
  readonly whenFull: 'reduce' | 'wait'
  readonly ladder: readonly StepDraft[]
  /** The window of the aggregates that leave, `1m`; empty: readings leave. */
  readonly forward: string
}

interface ClassInFile {
  readonly name?: unknown
  readonly floor?: unknown
  readonly whenFull?: unknown
  readonly ladder?: unknown
  readonly forward?: { readonly aggregate?: unknown } | null
}

interface StepInFile {
  readonly offlineFor?: unknown
  readonly filledTo?: unknown
  readonly keep?: unknown
}

/** Undefined where the file has classes in a shape that cannot be drawn. */
export function draftsOf(text: string): ClassDraft[] | undefined {
  const document = parseDocument(text)
  if (document.errors.length > 0) return undefined
  const file = document.toJS() as { classes?: unknown } | null
  const classes = file?.classes ?? [{ name: 'default' }]
  if (!Array.isArray(classes) || hasVar(classes)) return undefined
  return (classes as ClassInFile[]).map((it) => ({
    name: String(it.name ?? ''),
    was: String(it.name ?? ''),
    floor: it.floor === undefined ? '' : String(it.floor),
    whenFull: it.whenFull === 'wait' ? 'wait' : 'reduce',
    forward: String(it.forward?.aggregate ?? ''),
    ladder: Array.isArray(it.ladder) ? (it.ladder as StepInFile[]).map(stepDraft) : [],
  }))
}

/** Of the box's own values only the box knows how long or large they are. */
function hasVar(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return isVar(textOf(value)) || Object.values(value).some(hasVar)
}

function stepDraft({ offlineFor, filledTo, keep }: StepInFile): StepDraft {
  const window = (keep as { aggregate?: unknown } | undefined)?.aggregate
  return {
    on: filledTo === undefined ? 'offlineFor' : 'filledTo',
    at: String(filledTo ?? offlineFor ?? ''),
    keep: window === undefined ? String(keep ?? 'raw') : String(window),
  }
}

/** The file with these classes; keys of a class that are not drawn, and comments, stay. */
export function withDrafts(text: string, drafts: readonly ClassDraft[]): string {
  const document = parseDocument(text)
  const before = document.get('classes')
  const known = new Map<string, YAMLMap>()
  if (isSeq(before)) for (const it of before.items) if (isMap(it)) known.set(String(it.get('name')), it)
  const items = drafts.map((draft) => classNode(document, known.get(draft.was ?? ''), draft))
  if (isSeq(before)) before.items = items
  else document.set('classes', document.createNode(items))
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

function classNode(document: Document, before: YAMLMap | undefined, draft: ClassDraft): YAMLMap {
  const node = before ?? (document.createNode({ name: draft.name }, { flow: draft.ladder.length === 0 }) as YAMLMap)
  const set = (key: string, value: unknown, isAbsent: boolean) => {
    if (isAbsent) node.delete(key)
    else if (JSON.stringify(plain(node.get(key))) !== JSON.stringify(value)) node.set(key, document.createNode(value))
  }
  set('name', draft.name, false)
  set('floor', draft.floor, draft.floor.trim() === '')
  set('whenFull', 'wait', draft.whenFull === 'reduce')
  setForward(document, node, draft.whenFull === 'wait' ? '' : draft.forward.trim())
  const ladder = draft.whenFull === 'wait' ? [] : draft.ladder
  if (ladder.length === 0) node.delete('ladder')
  else if (JSON.stringify(plain(node.get('ladder'))) !== JSON.stringify(ladder.map(stepInFile))) {
    // A list of lines cannot stand within braces.
    node.flow = false
    const steps = document.createNode(ladder.map(stepInFile))
    for (const it of (steps as unknown as { items: YAMLMap[] }).items) it.flow = true
    node.set('ladder', steps)
  }
  return node
}

/** How long readings stay is not drawn, and kept. */
function setForward(document: Document, node: YAMLMap, window: string): void {
  const before = node.get('forward')
  if (window === '') node.delete('forward')
  else if (isMap(before)) {
    if (before.get('aggregate') !== window) before.set('aggregate', window)
  } else node.set('forward', document.createNode({ aggregate: window }, { flow: true }))
}

function plain(value: unknown): unknown {
  return isSeq(value) || isMap(value) ? value.toJSON() : value
}

function stepInFile({ on, at, keep }: StepDraft): Record<string, unknown> {
  return { [on]: at, keep: keep === 'raw' || keep === 'nothing' ? keep : { aggregate: keep } }
}

/** Undefined where a text is none: the field says so, and the picture waits. */
export function stepOf({ on, at, keep }: StepDraft): LadderStep | undefined {
  const kept = keepOf(keep)
  if (kept === undefined) return undefined
  if (on === 'filledTo') {
    const filledTo = parsePercent(at)
    return filledTo === undefined ? undefined : { filledTo, keep: kept }
  }
  const offlineForMs = parseDurationMs(at)
  return offlineForMs === undefined ? undefined : { offlineForMs, keep: kept }
}

function keepOf(text: string): Keep | undefined {
  if (text === 'raw' || text === 'nothing') return text
  const windowMs = parseDurationMs(text)
  return windowMs === undefined || windowMs < 1_000 ? undefined : { windowMs }
}

/** Shorter ones no settings take. */
const FORWARD_WINDOW_MS_MIN = 10_000

/** Of the aggregates that leave; undefined: the text is none. */
export function windowOf(forward: string): Keep | undefined {
  const text = forward.trim()
  if (text === '') return 'raw'
  const keep = text === 'nothing' ? undefined : keepOf(text)
  return typeof keep === 'object' && keep.windowMs < FORWARD_WINDOW_MS_MIN ? undefined : keep
}

/** What a forecast is asked; undefined while a text is none. */
export function whatIfOf(drafts: readonly ClassDraft[]): ClassWhatIf[] | undefined {
  const all = drafts.map(({ name, floor, whenFull, ladder, forward }) => {
    const steps = ladder.map(stepOf)
    const floorBytes = floor.trim() === '' ? 0 : parseBytes(floor)
    if (floorBytes === undefined || steps.includes(undefined)) return undefined
    if (whenFull === 'wait') return { name, floorBytes, whenFull, ladder: [] }
    const window = windowOf(forward)
    if (window === undefined) return undefined
    const leaves = typeof window === 'string' ? {} : { forwardWindowMs: window.windowMs }
    return { name, floorBytes, whenFull, ladder: steps as LadderStep[], ...leaves }
  })
  return all.includes(undefined) ? undefined : (all as ClassWhatIf[])
}

/** As the settings write it: `9h`, `7d`. */
export function durationText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const
  const [unit, size] = units.find(([, it]) => ms > 0 && ms % it === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}
