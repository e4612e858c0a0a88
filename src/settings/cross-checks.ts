// What no single key can tell: names that must exist, must be unique, must not meet; shares that must fit together; secrets in the clear.
// They work on the values as they stand, whatever else is wrong, so that one run names every problem.
import { SYSTEM_CLASS } from '../core/admission.ts'
import { classChecks } from './class-checks.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'
import { linkChecks } from './link-checks.ts'
import { nearest } from './nearest.ts'
import { BOXES_MAX, LOG_BYTES_MIN } from '../core/bounds.ts'
import { parseDurationMs } from '../core/units.ts'
import { notifyChecks } from './notify.ts'
import { expressionChecks, modelChecks } from './rules.ts'
import type { SettingsSchemas } from './schema.ts'
import type { SecretStore } from './secrets.ts'
import { secretVariable } from './secrets.ts'
import type { Path, Tree, TreeProblem } from './yaml-tree.ts'
import { pathText } from './yaml-tree.ts'

const KEPT_FOR_FEEDS_MS_MIN = 60_000

type Named = readonly { readonly name: string; readonly path: Path }[]

/** Names of keys whose value is a secret, wherever they stand. */
export const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'passphrase', 'privateKey', 'pin', 'token', 'clientSecret'])

export function crossChecks(
  tree: Tree,
  secrets: SecretStore,
  {
    readingBytesMax,
    expressionProblem,
    uplinkTraits = {},
  }: Pick<SettingsSchemas, 'readingBytesMax' | 'expressionProblem' | 'uplinkTraits'>,
): TreeProblem[] {
  const file = mapOf(tree.value)
  const found = [
    ...twice('class', namesIn(file, 'classes')),
    ...twice('source', namesIn(file, 'sources')),
    ...twice('uplink', namesIn(file, 'uplinks')),
    ...twice('rule', namesIn(file, 'rules')),
    ...twice('notifier', namesIn(file, 'notify')),
    ...unknownRules(file),
    ...notifyChecks(file),
    ...tagsTwice(file),
    ...unknownClasses(file),
    ...unknownUplinks(file),
    ...exportUplink(file),
    ...boxesAllowed(file),
    ...openWithoutAddress(file),
    ...withoutEffect(file, uplinkTraits),
    ...keptForFeeds(file, uplinkTraits),
    ...classChecks(file, LOG_BYTES_MIN, readingBytesMax),
    ...linkChecks(file),
    ...expressionChecks(file, expressionProblem),
    ...modelChecks(file),
    ...missingSecrets(tree, secrets),
    ...meetingSecrets(tree),
    ...secretsInTheClear(tree),
  ]
  return found.map((it) => ({ place: tree.placeOf(it.path, it.at ?? 'value'), ...it }))
}

function namesIn(file: Readonly<Record<string, unknown>>, key: string): Named {
  return listOf(file[key]).flatMap((it, index) => {
    const { name } = mapOf(it)
    return typeof name === 'string' ? [{ name, path: [key, index, 'name'] }] : []
  })
}

function twice(what: string, names: Named): Found[] {
  const first = new Map<string, Path>()
  return names.flatMap(({ name, path }) => {
    const before = first.get(name)
    if (before) return [{ path, text: `the ${what} "${name}" stands here twice, first at ${pathText(before)}` }]
    first.set(name, path)
    return []
  })
}

/** Every text under a key of that name, in a source or in its lists. */
function underKey(file: Readonly<Record<string, unknown>>, key: string): Named {
  return [...texts(listOf(file.sources), ['sources'])].filter(({ path }) => path.at(-1) === key)
}

function* texts(value: unknown, path: Path): Iterable<{ name: string; path: Path }> {
  if (typeof value === 'string') yield { name: value, path }
  if (typeof value !== 'object' || value === null) return
  for (const [key, it] of Object.entries(value)) yield* texts(it, [...path, Array.isArray(value) ? Number(key) : key])
}

function tagsTwice(file: Readonly<Record<string, unknown>>): Found[] {
  // A template makes tags by itself: two topics may well lead to one.
  return twice(
    'tag',
    // What may be written is a tag that stands elsewhere.
    underKey(file, 'tag').filter(({ name, path }) => !name.includes('{') && path[2] !== 'writes'),
  )
}

function classNames(file: Readonly<Record<string, unknown>>): string[] {
  return file.classes === undefined ? ['default'] : namesIn(file, 'classes').map((it) => it.name)
}

function unknownClasses(file: Readonly<Record<string, unknown>>): Found[] {
  const known = classNames(file)
  const used: Named = [
    ...underKey(file, 'class'),
    ...classesOfUplinks(file),
    ...classesOfRules(file),
    ...ofNotifiers(file, 'classes'),
  ]
  const unknown = used
    .filter(({ name }) => !known.includes(name))
    .map(({ name, path }) => ({ path, text: notThere('class', name, known) }))
  const rules = Object.keys(mapOf(file.delivery)).filter((it) => !known.includes(it))
  return [...unknown, ...rules.map((it) => ({ path: ['delivery', it], at: 'key' as const, text: notThere('class', it, known) }))]
}

function classesOfUplinks(file: Readonly<Record<string, unknown>>): Named {
  return [...texts(listOf(file.uplinks), ['uplinks'])].filter(({ name, path }) => {
    const [, , list, , key] = path
    return (
      (list === 'links' || list === 'windows') &&
      key === 'classes' &&
      !(path.length === 5 && name === 'all') &&
      !(list === 'links' && name === SYSTEM_CLASS)
    )
  })
}

function classesOfRules(file: Readonly<Record<string, unknown>>): Named {
  return [...texts(listOf(file.rules), ['rules'])].filter(({ path }) => path[3] === 'class' || path[3] === 'classes')
}

function ofNotifiers(file: Readonly<Record<string, unknown>>, key: 'classes' | 'rules'): Named {
  return [...texts(listOf(file.notify), ['notify'])].filter(({ path }) => path[2] === 'on' && path[3] === key)
}

function unknownRules(file: Readonly<Record<string, unknown>>): Found[] {
  const known = namesIn(file, 'rules').map((it) => it.name)
  return ofNotifiers(file, 'rules')
    .filter(({ name }) => !known.includes(name))
    .map(({ name, path }) => ({ path, text: notThere('rule', name, known) }))
}

function notThere(what: string, name: string, known: readonly string[]): string {
  const like = nearest(name, known)
  const hint = like ? `; did you mean "${like}"?` : known.length > 0 ? `; known: ${known.join(', ')}` : '; there are none'
  return `there is no ${what} "${name}"${hint}`
}

function unknownUplinks(file: Readonly<Record<string, unknown>>): Found[] {
  const known = namesIn(file, 'uplinks').map((it) => it.name)
  return Object.entries(mapOf(file.delivery)).flatMap(([name, rule]) =>
    listOf(rule).flatMap((it, index) =>
      typeof it === 'string' && !known.includes(it)
        ? [{ path: ['delivery', name, index], text: notThere('uplink', it, known) }]
        : [],
    ),
  )
}

/** The uplink whose lack is given out by hand. */
function exportUplink(file: Readonly<Record<string, unknown>>): Found[] {
  if (file.export === undefined) return []
  const known = namesIn(file, 'uplinks').map((it) => it.name)
  const { uplink } = mapOf(file.export)
  const path = ['export', 'uplink']
  if (typeof uplink === 'string') return known.includes(uplink) ? [] : [{ path, text: notThere('uplink', uplink, known) }]
  if (known.length === 1) return []
  return [
    {
      path: ['export'],
      text: `must have the key uplink: which uplink's lack is given out; there are: ${known.join(', ') || 'none'}`,
    },
  ]
}

/** Such a kind of uplink has one form, and one order or two. */
function withoutEffect(file: Readonly<Record<string, unknown>>, traits: NonNullable<SettingsSchemas['uplinkTraits']>): Found[] {
  return listOf(file.uplinks).flatMap((it, n) => {
    const kind = Object.keys(traits).find((one) => mapOf(it)[one] !== undefined) ?? ''
    const own = traits[kind] && ['records', 'encoding', ...(traits[kind].inOrder === 'always' ? ['lanes'] : [])]
    const keys = (own ?? []).filter((key) => mapOf(it)[key] !== undefined)
    const text = `has no effect on an uplink of kind ${kind}: leave it out`
    return keys.map((key) => ({ path: ['uplinks', n, key], text, runs: true }))
  })
}

/** What another uplink has first would be gone before a feed has got it. */
function keptForFeeds(file: Readonly<Record<string, unknown>>, traits: NonNullable<SettingsSchemas['uplinkTraits']>): Found[] {
  const { keepDelivered } = mapOf(file.log)
  const ms = typeof keepDelivered === 'string' ? parseDurationMs(keepDelivered) : undefined
  const kinds = listOf(file.uplinks).map((it) => Object.keys(traits).find((one) => mapOf(it)[one] !== undefined) ?? '')
  const feeds = kinds.filter((it) => traits[it]?.isFeed)
  if (ms === undefined || ms >= KEPT_FOR_FEEDS_MS_MIN || feeds.length === 0 || feeds.length === kinds.length) return []
  const text = `an uplink of kind ${feeds[0]} would miss what another one has first: must be at least 1m here; left out, it is 1h`
  return [{ path: ['log', 'keepDelivered'], text, runs: true }]
}

/** Which boxes may come in: each once, and never this one. */
function boxesAllowed(file: Readonly<Record<string, unknown>>): Found[] {
  const entries = listOf(mapOf(file.boxes).allow)
  const named = entries.flatMap((it, n): { name: string; path: Path }[] => {
    const { device, behind } = mapOf(it)
    const path = ['boxes', 'allow', n]
    const own = typeof device === 'string' ? [{ name: device, path: [...path, 'device'] }] : []
    const others = listOf(behind).map((one, i) => ({ name: String(one), path: [...path, 'behind', i] }))
    return [...own, ...others]
  })
  const { id } = mapOf(file.device)
  const self = named.filter((it) => it.name === id).map(({ path }) => ({ path, text: `"${id}" is this box itself` }))
  // Each takes its place in the position.
  const many = named
    .slice(BOXES_MAX, BOXES_MAX + 1)
    .map(({ path }) => ({ path, text: `more than ${BOXES_MAX} boxes, those behind others among them` }))
  return [...self, ...many, ...twice('box', named)]
}

/** Ports come in force with their address: without one the firewall would never hear of it. */
function openWithoutAddress(file: Readonly<Record<string, unknown>>): Found[] {
  return listOf(mapOf(file.network).ports).flatMap((it, n) => {
    const { open, address } = mapOf(it)
    if (listOf(open).length === 0 || address !== undefined) return []
    const text = 'has no effect on a port without an address: nothing opens there'
    const remedy = 'put address: dhcp, or an address as 10.20.1.5/24, beside it'
    return [{ path: ['network', 'ports', n, 'open'], text, remedy, runs: true }]
  })
}

function missingSecrets(tree: Tree, secrets: SecretStore): Found[] {
  const missing = [...tree.secrets.values()].filter(({ name }) => secrets.get(name) === undefined)
  return missing.map(({ name, path }) => ({
    path,
    text: `the secret "${name}" is not in the secret store`,
    remedy: `set it, or for development: export ${secretVariable(name)}=…`,
  }))
}

function meetingSecrets(tree: Tree): Found[] {
  const names = new Map<string, string>()
  return [...tree.secrets.values()].flatMap(({ name, path }) => {
    const variable = secretVariable(name)
    const other = names.get(variable) ?? name
    names.set(variable, other)
    return other === name ? [] : [{ path, text: `the secrets "${other}" and "${name}" would both be ${variable}; rename one` }]
  })
}

function secretsInTheClear(tree: Tree): Found[] {
  return [...texts(tree.value, [])].flatMap(({ name: text, path }) => {
    if (tree.secrets.has(pathText(path))) return []
    const named = SECRET_KEYS.has(String(path.at(-1)))
    const like = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) || /^[a-z][a-z0-9+.-]*:\/\/[^/\s@]*:[^/\s@]*@/i.test(text)
    if (!named && !like) return []
    return [
      {
        path,
        text: 'a secret in the clear; secrets are never in the file',
        remedy: 'put { secret: NAME } here and the value in the secret store',
      },
    ]
  })
}
