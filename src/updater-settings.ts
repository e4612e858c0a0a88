// Of the settings, what the updater needs: its server, its windows, and where sources and uplinks answer. Of the secrets it takes those that stand under `update`.
import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { SYSTEM_CLASS } from './core/admission.ts'
import { BadInput } from './core/errors.ts'
import type { Reach, ReachOf } from './core/reach.ts'
import { isOpen, parseTimes } from './core/times.ts'
import { timeZone } from './core/zone.ts'
import { deviceIdentity } from './settings/identity.ts'
import { updateSettings } from './settings/schema.ts'
import { openSecrets } from './settings/secrets.ts'
import { parseTree } from './settings/yaml-tree.ts'
import { protocols } from './sources/index.ts'
import { uplinkReach } from './uplinks/index.ts'
import { readValues } from './settings/read.ts'

export interface UpdaterSettings {
  readonly device: string
  readonly site: string
  readonly update: z.output<typeof updateSettings> | undefined
  /** Of all uplinks. */
  readonly links: readonly LinkGist[]
  reach(kind: 'source' | 'uplink', name: string): readonly Reach[]
}

interface LinkGist {
  readonly interface: string
  readonly hasBudget: boolean
  /** Readings of all classes, or what the box fetches by name. */
  readonly carriesSystem: boolean
}

interface Places {
  readonly dir: string
  readonly settings: string
  readonly values?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

type Entry = Readonly<Record<string, unknown>>

/** Rejects with BadInput where `update` is wrong; what else is wrong in the file is the agent's to say. */
export async function readUpdaterSettings({ dir, settings, values, env }: Places): Promise<UpdaterSettings> {
  const text = await readFile(settings, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new BadInput([{ where: settings, text: `cannot be read: ${error.code}` }])
  })
  const own = values === undefined ? {} : readValues(await readFile(values, 'utf8'), values)
  const variables = {
    variables: Object.keys(own),
    variable: (name: string) => (Object.hasOwn(own, name) ? own[name] : undefined),
  }
  const named = parseTree(text, { ...variables, secret: () => 'not needed' })
  const wanted = new Set([...named.secrets.values()].filter(({ path }) => path[0] === 'update').map((it) => it.name))
  const store = wanted.size > 0 ? await openSecrets(dir, env) : undefined
  const tree = parseTree(text, { ...variables, secret: (name) => (wanted.has(name) ? store?.get(name) : 'not needed') })
  const file = (typeof tree.value === 'object' && tree.value !== null ? tree.value : {}) as Entry
  const missing = tree.problems.find(({ path }) => path[0] === 'update')
  if (missing) throw new BadInput([{ where: `${settings} update`, text: missing.text }])
  const { id, site } = entryOf(file['device'])
  return {
    device: typeof id === 'string' ? id : await deviceIdentity(dir),
    site: typeof site === 'string' ? site : '',
    update: updateOf(file['update'], settings),
    links: listOf(file['uplinks']).flatMap((it) => listOf(it['links']).map(gistOf)),
    reach: (kind, name) => (kind === 'source' ? sourceReach(file['sources'], name) : reachOfUplink(file['uplinks'], name)),
  }
}

function updateOf(entry: unknown, file: string): UpdaterSettings['update'] {
  if (entry === undefined) return undefined
  const read = updateSettings.safeParse(entry)
  if (read.success) return read.data
  throw new BadInput(read.error.issues.map((it) => ({ where: `${file} update.${it.path.join('.')}`, text: it.message })))
}

export function isWindowOpen({ update }: UpdaterSettings, now: number): boolean {
  if (!update?.windows) return true
  return update.windows.some(({ at, zone }) => {
    const times = parseTimes(at)
    return typeof times !== 'string' && isOpen(times, timeZone(zone), now)
  })
}

function sourceReach(list: unknown, name: string): readonly Reach[] {
  const entry = named(list, name)
  const protocol = entry['protocol']
  return typeof protocol === 'string' && Object.hasOwn(protocols, protocol) ? (protocols[protocol]?.reach?.(entry) ?? []) : []
}

function reachOfUplink(list: unknown, name: string): readonly Reach[] {
  const entry = named(list, name)
  const kinds = Object.entries(uplinkReach) as [string, ReachOf][]
  return kinds.flatMap(([kind, reach]) => (entry[kind] === undefined ? [] : reach(entryOf(entry[kind]))))
}

function named(list: unknown, name: string): Entry {
  return listOf(list).find((it) => it['name'] === name) ?? {}
}

function gistOf({ interface: name, budget, classes = 'all' }: Entry): LinkGist {
  const carriesSystem = classes === 'all' || (Array.isArray(classes) && classes.includes(SYSTEM_CLASS))
  return { interface: String(name), hasBudget: budget !== undefined, carriesSystem }
}

function listOf(list: unknown): readonly Entry[] {
  return Array.isArray(list) ? list.map(entryOf) : []
}

function entryOf(value: unknown): Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entry) : {}
}
