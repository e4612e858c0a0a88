// The settings file: text → tree → schema → cross-checks → Settings. All problems at once, each with its place; nothing unless all is right.
import { readFile } from 'node:fs/promises'
import type { Problem } from '../core/errors.ts'
import { BadInput } from '../core/errors.ts'
import type { SystemAsked } from '../core/operator.ts'
import type { LadderStep } from '../core/retention.ts'
import type { DeliveryRule, Settings } from '../core/settings.ts'
import { feedsOf } from '../core/settings.ts'
import type { Issue } from '../core/status.ts'
import { crossChecks } from './cross-checks.ts'
import { findings } from './explain.ts'
import type { NotInForce } from './not-in-force.ts'
import { notInForce } from './not-in-force.ts'
import type { SettingsFile, SettingsSchemas } from './schema.ts'
import { PARSE, settingsSchema } from './schema.ts'
import { outdated, secretUses, withoutWrongEntries } from './ran-before.ts'
import type { SecretStore } from './secrets.ts'
import type { Lookup, Path, Tree, TreeProblem } from './yaml-tree.ts'
import { parseTree, pathText, TEXT_BYTES_MAX } from './yaml-tree.ts'

const REDACTED_CHARS_MIN = 4
/** What others have waits so long for an uplink that holds nothing back, where the file does not say. */
const KEEP_FOR_FEEDS_MS = 3_600_000

export interface SettingsContext {
  readonly schemas: SettingsSchemas
  readonly secrets: SecretStore
  /** Stands in where the file has no device.id. */
  readonly deviceId: string
  /** The box's own values, for `{ var: NAME }`. */
  readonly values?: Readonly<Record<string, unknown>>
  /** They ran under some version already: what can do without, or with, what is found now runs on, and an issue says so. */
  readonly ranBefore?: boolean
}

export interface CheckedSettings {
  readonly settings: Settings
  readonly notInForce: readonly NotInForce[]
  /** What is allowed and still worth a warning: links without protection. */
  readonly issues: readonly Issue[]
  readonly system: SystemAsked
  /** Which secrets stand where. */
  readonly secrets: readonly SecretUse[]
}

export interface SecretUse {
  readonly name: string
  readonly path: string
}

/** A problem with its place apart, for programs. */
export interface SettingsProblem extends Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly path: string
}

type FileContext = Omit<SettingsContext, 'values'> & { readonly valuesFile?: string }

/** Reads the settings, and the values where a file of them is named. Rejects with BadInput that names every problem. */
export async function readSettings(file: string, context: FileContext): Promise<CheckedSettings> {
  return checkText(await readText(file), file, context)
}

/** As if `text` were what stands in the file. */
export async function checkText(text: string, file: string, context: FileContext): Promise<CheckedSettings> {
  const values = context.valuesFile === undefined ? {} : readValues(await readText(context.valuesFile), context.valuesFile)
  const parse = (of: string) => parseSettings(of, file, { ...context, values })
  return context.ranBefore ? withoutWrongEntries(text, parse, (of) => treeOf(of, { ...context, values })) : parse(text)
}

async function readText(file: string): Promise<string> {
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code ?? error.message}` }])
  })
  if (content.length > TEXT_BYTES_MAX) throw new BadInput([{ where: file, text: `longer than ${TEXT_BYTES_MAX / 1e6} MB` }])
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    throw new BadInput([{ where: file, text: 'not a text in UTF-8' }])
  }
}

/** The values of a box: one map of names to anything. Throws BadInput. */
export function readValues(text: string, file: string): Readonly<Record<string, unknown>> {
  const tree = parseTree(text, { variable: () => undefined, variables: [], secret: () => undefined })
  refuse(file, tree.problems)
  const found = [...tree.secrets.values()].map(({ path }) =>
    at(tree, path, 'a secret belongs in the settings file, not in values'),
  )
  refuse(file, found)
  const values = tree.value ?? {}
  if (typeof values !== 'object' || Array.isArray(values)) refuse(file, [at(tree, [], 'must be a map of names to values')])
  return values as Record<string, unknown>
}

/** Settings of a text that is at hand. Throws BadInput that names every problem; nothing else. */
export function parseSettings(text: string, file: string, context: SettingsContext): CheckedSettings {
  const tree = treeOf(text, context)
  if (tree.problems.length > 0 && tree.value === undefined) refuse(file, tree.problems)
  if (typeof tree.value !== 'object' || tree.value === null || Array.isArray(tree.value)) {
    refuse(file, [at(tree, [], 'must be a map that begins with "version: 1"')])
  }
  const parsed = settingsSchema(context.schemas).safeParse(tree.value, PARSE)
  const problems = [
    ...tree.problems,
    ...schemaProblems(tree, parsed.error?.issues ?? []),
    ...crossChecks(tree, context.secrets, context.schemas),
  ]
  const secrets = secretTexts(tree, context.secrets)
  refuse(file, context.ranBefore ? problems.filter((it) => !it.runs) : problems, secrets)
  const data = parsed.data as SettingsFile
  return {
    settings: toSettings(data, context.deviceId),
    notInForce: notInForce(tree),
    issues: [...insecureLinks(tree), ...weakGuarantees(tree), ...problems.map((it) => outdated(problemOf(file, it, secrets)))],
    system: systemAsked(data),
    secrets: secretUses(tree),
  }
}

function treeOf(text: string, { values = {}, secrets }: Pick<SettingsContext, 'values' | 'secrets'>): Tree {
  const lookup: Lookup = {
    variable: (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
    variables: Object.keys(values),
    secret: (name) => secrets.get(name),
  }
  return parseTree(text, lookup)
}

function at(tree: Tree, path: Path, text: string): TreeProblem {
  return { place: tree.placeOf(path, 'value'), path, text }
}

export function schemaProblems(tree: Tree, issues: Parameters<typeof findings>[0]): TreeProblem[] {
  return findings(issues, tree.value)
    .filter(({ path }) => !path.some((_, index) => tree.unresolved.has(pathText(path.slice(0, index + 1)))))
    .map(({ path, at: what, text }) => ({ place: tree.placeOf(path, what), path, text: withoutSecret(tree, path, text) }))
}

/** What was found where a secret stands is the secret. */
function withoutSecret(tree: Tree, path: Path, text: string): string {
  return tree.secrets.has(pathText(path)) ? text.replace(/ \(found .*\)$/s, '') : text
}

/** Throws when there are problems: in the order of the file, no secret in any of them. */
export function refuse(file: string, problems: readonly TreeProblem[], secrets: readonly string[] = []): void {
  if (problems.length === 0) return
  const sorted = problems.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
  throw new BadInput(sorted.map((it) => problemOf(file, it, secrets)))
}

function problemOf(file: string, problem: TreeProblem, secrets: readonly string[]): SettingsProblem {
  const { place, remedy } = problem
  const path = pathText(problem.path)
  return {
    where: `${file}:${place.line}:${place.column}${path && ` ${path}`}`,
    text: secrets.reduce((text, it) => text.replaceAll(it, '***'), problem.text),
    ...(remedy && { remedy }),
    file,
    line: place.line,
    column: place.column,
    path,
  }
}

/** To be taken out of whatever a schema says by itself; a shorter one would take words apart. */
function secretTexts(tree: Tree, secrets: SecretStore): string[] {
  const texts = [...tree.secrets.values()].map(({ name }) => secrets.get(name) ?? '')
  return texts.filter((it) => it.length >= REDACTED_CHARS_MIN)
}

function toSettings(file: SettingsFile, deviceId: string): Settings {
  const { bytesMax, commitEvery, commitEveryMin, commitBytes, keepDelivered } = file.log
  const keepDeliveredMs = keepDelivered ?? (feedsOf(file.uplinks).size > 0 ? KEEP_FOR_FEEDS_MS : 0)
  return {
    device: { id: file.device.id ?? deviceId, site: file.device.site },
    log: { bytesMax, commitEveryMs: commitEvery, commitEveryMinMs: commitEveryMin, commitBytes, keepDeliveredMs },
    classes: file.classes.map((it) => ({
      name: it.name,
      floorBytes: it.floor,
      commitEveryMs: it.commitEvery ?? commitEvery,
      whenFull: it.whenFull,
      ladder: (it.ladder ?? []).map(ladderStep),
      ...(it.forward && {
        forward: {
          windowMs: it.forward.aggregate,
          ...(it.forward.keepRaw !== undefined && { keepRawMs: it.forward.keepRaw }),
        },
      }),
    })),
    sources: file.sources,
    rules: file.rules,
    ...(file.models && { models: { keys: file.models.keys, memoryBytesMax: file.models.memory } }),
    notify: file.notify,
    uplinks: file.uplinks,
    failoverAfterMs: file.failoverAfter,
    delivery: Object.fromEntries(file.classes.map((it) => [it.name, (file.delivery[it.name] ?? 'all-uplinks') as DeliveryRule])),
    ...(file.boxes && { boxes: file.boxes }),
    ...(file.export && { export: { ...file.export, uplink: file.export.uplink ?? (file.uplinks[0]?.name as string) } }),
  }
}

/** Modems and Wi-Fi without an address are left out. */
function systemAsked({ network, time }: SettingsFile): SystemAsked {
  const ports = (network?.ports ?? []).flatMap(({ interface: name, zone, address, gateway, dns, open = [] }) =>
    address === undefined ? [] : [{ interface: name, zone, address, ...(gateway && { gateway }), ...(dns && { dns }), open }],
  )
  return { ports, timeServers: time?.servers ?? [] }
}

function ladderStep({ offlineFor, filledTo, keep }: NonNullable<SettingsFile['classes'][number]['ladder']>[number]): LadderStep {
  return {
    ...(offlineFor === undefined ? {} : { offlineForMs: offlineFor }),
    ...(filledTo === undefined ? {} : { filledTo }),
    keep: typeof keep === 'string' ? keep : { windowMs: keep.aggregate },
  }
}

/** Links that do without encryption or authentication, with the reason that the file gives. */
function insecureLinks(tree: Tree): Issue[] {
  const file = tree.value as { sources?: unknown[]; uplinks?: unknown[]; notify?: unknown[] }
  const of = (kind: 'source' | 'uplink' | 'notifier', entries: readonly unknown[] = []): Issue[] =>
    entries.flatMap((entry) => {
      const { name } = entry as { name: string }
      return reasons(entry).map((reason) => ({
        code: `${kind}-insecure`,
        severity: 'warning' as const,
        text: `${kind} ${name} is not protected: ${reason}`,
        remedy: `switch on encryption and authentication and take out "insecure"`,
      }))
    })
  return [...of('source', file.sources), ...of('uplink', file.uplinks), ...of('notifier', file.notify)]
}

/** Uplinks that were told to do with less than exactly once. */
function weakGuarantees(tree: Tree): Issue[] {
  const { uplinks = [] } = tree.value as { uplinks?: readonly { name: string }[] }
  return uplinks
    .filter((it) => Object.values(it).some((own) => (own as { guarantee?: unknown } | null)?.guarantee === 'at-least-once'))
    .map(({ name }) => ({
      code: 'uplink-at-least-once',
      severity: 'warning',
      text: `uplink ${name} delivers at least once: after a broken link some readings are there twice`,
      remedy: 'take out "guarantee: at-least-once" where the cluster has transactions',
    }))
}

function reasons(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, it]) => (key === 'insecure' && typeof it === 'string' ? [it] : reasons(it)))
}
