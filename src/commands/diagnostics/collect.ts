// What goes into the archive for support: each part by itself, so that one that fails is named and the others are there.
import { arch, platform } from 'node:os'
import { gzipSync } from 'node:zlib'
import type { AgentApi } from '../../core/agent-api.ts'
import type { LogInspection } from '../../core/log-files.ts'
import { formatTime } from '../times.ts'
import { cleaner } from './clean.ts'
import { machineNow, networkNow } from './machine.ts'
import { tar } from './tar.ts'

export interface Origin {
  readonly agent: AgentApi
  readonly version: string
  /** Where no agent answers; absent: then there is less. */
  readonly offline?: {
    logInspect(): Promise<LogInspection>
    settingsText(): Promise<string>
  }
  /** The last lines of the agent's own log; undefined where there is none to read. */
  agentLog(): Promise<string | undefined>
  /** Texts that must not be in it. */
  readonly secrets: {
    readonly others: readonly string[] /** Undefined where we may not read the store. */
    readonly stored?: readonly string[]
  }
  /** Microseconds since 1970 UTC. */
  readonly now: number
}

interface Part {
  readonly name: string
  readonly what: string
  read(): Promise<unknown>
}

export interface Archive {
  readonly bytes: Uint8Array
  /** Names in it, and why others are not. */
  readonly content: readonly string[]
  readonly missing: readonly string[]
}

const FOLDER = 'holdfast-diagnostics'

export async function collect(origin: Origin): Promise<Archive> {
  const { clean, whyNot } = cleaner(origin.agent, origin.secrets.others, origin.secrets.stored)
  const parts = partsOf(origin)
  const files: { name: string; text: string }[] = []
  const content: string[] = []
  const missing: string[] = []
  for (const { name, what, read } of parts) {
    try {
      const value = await read()
      if (value === undefined) missing.push(`${name}: there is none to read`)
      else {
        files.push({ name, text: await clean(typeof value === 'string' ? value : `${JSON.stringify(value, plain, 2)}\n`) })
        content.push(`${name.padEnd(24)}${what}`)
      }
    } catch (error) {
      missing.push(await clean(`${name}: ${(error as Error).message}`))
    }
  }
  const why = whyNot()
  if (why !== undefined) missing.push(`no look for texts of the store of secrets, which may stand in these files: ${why}`)
  const list = { name: 'CONTENT.txt', text: contentText(origin, content, missing) }
  const named = [list, ...files].map((it) => ({ name: `${FOLDER}/${it.name}`, bytes: Buffer.from(it.text) }))
  return { bytes: gzipSync(tar(named, origin.now / 1e6)), content: [list.name, ...files.map((it) => it.name)], missing }
}

function partsOf({ agent, offline, version, agentLog }: Origin): Part[] {
  const status = once(() => agent.status())
  const inspect = once(() => agent.logInspect().catch((error: unknown) => otherwise(error, offline?.logInspect)))
  return [
    { name: 'about.json', what: 'versions of the program and of Node, kind of machine', read: async () => about(version) },
    { name: 'status.json', what: 'what comes in, is kept, goes out; issues', read: status },
    { name: 'sources.json', what: 'each source: state, last error', read: async () => (await status()).sources },
    { name: 'uplinks.json', what: 'each uplink: what would go now, and why not', read: () => agent.uplinks() },
    {
      name: 'settings.yaml',
      what: 'the settings; secrets are names in them',
      read: () =>
        agent.settings().then(
          (it) => it.text,
          (error: unknown) => otherwise(error, offline?.settingsText),
        ),
    },
    { name: 'settings-history.json', what: 'who changed the settings when', read: () => agent.settingsHistory() },
    { name: 'secrets.json', what: 'names of secrets, where each is used; no text of them', read: () => agent.secrets() },
    { name: 'log.json', what: 'segments and streams of the log; no reading', read: async () => without(await inspect()) },
    {
      name: 'ledger.json',
      what: 'what was given up: totals by class, action, reason',
      read: async () => (await inspect()).ledger,
    },
    { name: 'agent-log.txt', what: "the last lines of the agent's own log", read: agentLog },
    { name: 'machine.json', what: 'processor, memory, disks, our processes', read: machineNow },
    { name: 'network.json', what: 'network interfaces and their addresses', read: async () => networkNow() },
  ]
}

function about(version: string): object {
  return { holdfast: version, node: process.versions.node, v8: process.versions.v8, platform: platform(), arch: arch() }
}

function without(found: LogInspection): object {
  return { ...found, ledger: undefined }
}

function otherwise<T>(error: unknown, other: (() => Promise<T>) | undefined): Promise<T> {
  if (other) return other()
  throw error
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => (asked ??= ask())
}

/** JSON has no bigint. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function contentText({ now, version }: Origin, content: readonly string[], missing: readonly string[]): string {
  return [
    `Holdfast ${version}, diagnostics of ${formatTime(now)}`,
    'Secrets are removed: where one stood, [removed] stands. No reading is in it.',
    '',
    'CONTENT.txt             this list',
    ...content,
    ...(missing.length > 0 ? ['', 'Not in it:', ...missing.map((it) => `  ${it}`)] : []),
    '',
  ].join('\n')
}
