// Floors and ladders of the classes against each other and against the log's bound: what cannot fit, and steps that can never take effect.
import { formatBytes, parseBytes, parseDurationMs, parsePercent } from '../core/units.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'
import type { Path } from './yaml-tree.ts'

const FLOOR_SHARE_MAX = 0.8
const BYTES_MAX_DEFAULT = 1e9

/** A step of a ladder as far as it can be read: a key that is wrong is undefined here, and the schema's business. */
interface Step {
  readonly path: Path
  /** ms or share, the larger the later. */
  readonly after: { readonly by: 'offlineFor' | 'filledTo'; readonly text: string; readonly value: number } | undefined
  readonly keep: { readonly text: string; readonly coarseness: number } | undefined
}

/** `readingBytesMax`: of log.bytesMax, what readings may take. */
export function classChecks(
  file: Readonly<Record<string, unknown>>,
  bytesMin: number,
  readingBytesMax: (bytesMax: number) => number,
): Found[] {
  const { bytesMax: text } = mapOf(file.log)
  const bytesMax = text === undefined ? BYTES_MAX_DEFAULT : bytesOf(text)
  const classes = listOf(file.classes).map((it, index) => ({
    path: ['classes', index] as Path,
    steps: stepsOf(it, ['classes', index, 'ladder']),
    forward: keepOf(mapOf(it).forward),
    floorBytes: bytesOf(mapOf(it).floor) ?? 0,
  }))
  const steps = classes.flatMap((it) => [...windows(it.steps), ...idleSteps(it.steps), ...forwarded(it.steps, it.forward)])
  const ofDelivery = classes.flatMap((it, index) => staying(file, it.path, index))
  if (bytesMax === undefined || bytesMax < bytesMin) return [...steps, ...ofDelivery]
  const readings = readingBytesMax(bytesMax)
  return [
    ...floors(classes, bytesMax, readings),
    ...steps,
    ...ofDelivery,
    ...classes.flatMap((it) => outOfReach(it.steps, readings / bytesMax)),
  ]
}

function bytesOf(text: unknown): number | undefined {
  return typeof text === 'string' ? parseBytes(text) : undefined
}

function floors(
  classes: readonly { readonly path: Path; readonly floorBytes: number }[],
  bytesMax: number,
  readings: number,
): Found[] {
  const sum = classes.reduce((total, it) => total + it.floorBytes, 0)
  const last = classes.findLast((it) => it.floorBytes > 0)
  if (!last) return []
  const problem = (text: string) => [
    {
      path: [...last.path, 'floor'],
      text: `the floors of all classes are ${Math.ceil(sum / 1e6)} MB; ${text}`,
      runs: true as const,
    },
  ]
  const wholeMb = (bytes: number) => `${Math.floor(bytes / 1e6)} MB`
  if (sum > FLOOR_SHARE_MAX * bytesMax) return problem(`allowed are 80 % of log.bytesMax: ${wholeMb(FLOOR_SHARE_MAX * bytesMax)}`)
  if (sum > readings)
    return problem(
      `a log.bytesMax of ${formatBytes(bytesMax)} leaves ${wholeMb(readings)} for readings, the rest is its own reserve`,
    )
  return []
}

function stepsOf(entry: unknown, path: Path): Step[] {
  return listOf(mapOf(entry).ladder).map((it, at) => {
    const step = mapOf(it)
    return { path: [...path, at], after: afterOf(step), keep: keepOf(step.keep) }
  })
}

function afterOf({ offlineFor, filledTo }: Readonly<Record<string, unknown>>): Step['after'] {
  if ((offlineFor === undefined) === (filledTo === undefined)) return undefined
  const [by, text, parse] =
    filledTo === undefined
      ? (['offlineFor', offlineFor, parseDurationMs] as const)
      : (['filledTo', filledTo, parsePercent] as const)
  const value = typeof text === 'string' ? parse(text) : undefined
  return value === undefined ? undefined : { by, text: text as string, value }
}

function keepOf(keep: unknown): Step['keep'] {
  if (keep === 'raw') return { text: 'raw', coarseness: 0 }
  if (keep === 'nothing') return { text: 'nothing', coarseness: Number.POSITIVE_INFINITY }
  const { aggregate } = mapOf(keep)
  const ms = typeof aggregate === 'string' ? parseDurationMs(aggregate) : undefined
  return ms ? { text: aggregate as string, coarseness: ms } : undefined
}

/** A coarser aggregate is made of finer ones: its window must be a multiple. */
function windows(steps: readonly Step[]): Found[] {
  const aggregates = steps.flatMap(({ path, keep }) =>
    keep && keep.coarseness > 0 && Number.isFinite(keep.coarseness) ? [{ ...keep, path: [...path, 'keep', 'aggregate'] }] : [],
  )
  const sorted = aggregates.toSorted((a, b) => a.coarseness - b.coarseness)
  return sorted.flatMap((coarse, at) => {
    const fine = sorted[at - 1]
    return fine && coarse.coarseness % fine.coarseness !== 0
      ? [{ path: coarse.path, text: `${coarse.text} is not a multiple of the finer step ${fine.text} of this class` }]
      : []
  })
}

/** Of the steps in force the coarsest holds: one that keeps as much as a step that is in force before it, or more, changes nothing. */
function idleSteps(steps: readonly Step[]): Found[] {
  return (['offlineFor', 'filledTo'] as const).flatMap((by) => {
    const whole = steps.flatMap(({ path, after, keep }) => (keep && after?.by === by ? [{ path, after, keep }] : []))
    // Of two at one threshold the coarser holds; of two that are alike the first is enough.
    const inTurn = whole.toSorted((a, b) => a.after.value - b.after.value || b.keep.coarseness - a.keep.coarseness)
    return inTurn.flatMap(({ path, after, keep }, at) => {
      const before = inTurn.slice(0, at).find((it) => it.keep.coarseness >= keep.coarseness)
      if (!before) return []
      const theirs = `${by} ${before.after.text} already keeps ${kept(before.keep)}`
      const text = `${by} ${after.text}, keep ${kept(keep)}: never takes effect, for ${theirs}; of the steps in force the coarsest holds`
      return [{ path, text, runs: true }]
    })
  })
}

/** Where only aggregates leave, a step can only make coarser ones. */
function forwarded(steps: readonly Step[], forward: Step['keep']): Found[] {
  if (!forward) return []
  return steps.flatMap(({ path, keep }) => {
    if (!keep || !Number.isFinite(keep.coarseness)) return []
    if (keep.coarseness <= forward.coarseness)
      return [{ path: [...path, 'keep'], text: `never takes effect: what leaves are ${kept(forward)} already (forward)` }]
    if (keep.coarseness % forward.coarseness === 0) return []
    return [
      { path: [...path, 'keep', 'aggregate'], text: `${keep.text} is not a multiple of ${forward.text}, which leaves (forward)` },
    ]
  })
}

/** Of a class that never leaves, no aggregates do. */
function staying(file: Readonly<Record<string, unknown>>, path: Path, index: number): Found[] {
  const entry = mapOf(listOf(file.classes)[index])
  if (entry.forward === undefined || mapOf(file.delivery)[String(entry.name)] !== 'none') return []
  return [{ path: [...path, 'forward'], text: 'delivery of this class is none: nothing of it leaves, aggregates neither' }]
}

function kept({ text, coarseness }: NonNullable<Step['keep']>): string {
  return coarseness > 0 && Number.isFinite(coarseness) ? `aggregates of ${text}` : text
}

/** Readings never take all of log.bytesMax. */
function outOfReach(steps: readonly Step[], shareMax: number): Found[] {
  return steps.flatMap(({ path, after }) =>
    after?.by === 'filledTo' && after.value > shareMax
      ? [
          {
            path: [...path, 'filledTo'],
            text: `${after.text} is never reached: readings may take ${Math.floor(shareMax * 100)} % of this log.bytesMax, the rest is its own reserve`,
            runs: true,
          },
        ]
      : [],
  )
}
