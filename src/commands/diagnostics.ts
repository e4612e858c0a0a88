import { execFile } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { collect } from './diagnostics/collect.ts'
import { operation } from './operation.ts'
import { document, lines, wrap } from './text.ts'
import { nowMicros } from './times.ts'

const PIECE_BYTES = 65_536
const LOG_LINES = 2_000
const LOG_BYTES_MAX = 1_000_000
const SUMMARY = 'one archive for support, secrets removed, with a list of what is inside'

const packing = operation({
  name: 'diagnostics',
  access: 'technician',
  summary: SUMMARY,
  input: z.strictObject({}),
  /** A .tar.gz, in pieces. */
  output: z.object({ bytes: z.custom<Uint8Array>((it) => it instanceof Uint8Array) }),
  many: true,
  audited: [],
  run: (_, { agent }) => pieces(agent),
})

async function* pieces(agent: CommandContext['agent']): AsyncIterable<{ bytes: Uint8Array }> {
  const { version } = await agent.status().catch(() => ({ version: 'unknown' }))
  const { bytes } = await collect({ agent, version, agentLog: journalLog, secrets: { others: [] }, now: nowMicros() })
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield { bytes: bytes.subarray(at, at + PIECE_BYTES) }
}

export const diagnostics: Command = {
  name: 'diagnostics',
  role: 'view',
  summary: SUMMARY,
  arguments: ['FILE'],
  options: {
    settings: { value: 'FILE', summary: 'where no agent runs: its settings, DIR/settings.yaml where it is missing' },
    'agent-log': { value: 'FILE', summary: "the agent's own log, where no journal has it" },
  },
  operation: packing,
  async run(context) {
    const file = context.args[0] as string
    const { agent } = context
    const { version } = await agent.status().catch(() => ({ version: context.version }))
    const { bytes, content, missing } = await collect({
      agent,
      version,
      offline: { logInspect: () => inspectOffline(context), settingsText: () => readFile(settingsFile(context), 'utf8') },
      agentLog: () => logOf(context),
      secrets: await secretsOf(context),
      now: nowMicros(),
    })
    await write(file, bytes)
    if (context.json) await document(context, { file, bytes: bytes.length, content, missing })
    else
      await lines(context.out, [
        `${file}: ${formatBytes(bytes.length)}`,
        ...wrap(content.join(', '), context.out.width, '  '),
        ...(missing.length > 0 ? ['not in it:', ...missing.flatMap((it) => wrap(it, context.out.width, '  '))] : []),
      ])
    return DONE
  },
}

function settingsFile({ options, dir }: CommandContext): string {
  return typeof options.settings === 'string' ? options.settings : join(dir, 'settings.yaml')
}

/** Half a file is worse than none: whoever pulls the stick early sees that nothing came. */
async function write(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${file}.part`, bytes, { mode: 0o600, flush: true })
    await rename(`${file}.part`, file)
  } catch (error) {
    await rm(`${file}.part`, { force: true }).catch(() => undefined)
    throw new BadInput([{ where: file, text: `cannot be written: ${(error as NodeJS.ErrnoException).code}` }])
  }
}

async function inspectOffline({ parts, dir }: CommandContext) {
  const log = await parts.log(dir)
  try {
    return await log.logInspect()
  } finally {
    await log.close()
  }
}

async function logOf({ options }: CommandContext): Promise<string | undefined> {
  const { 'agent-log': file } = options
  if (typeof file !== 'string') return journalLog()
  return (await readFile(file, 'utf8')).split('\n').slice(-LOG_LINES).join('\n').slice(-LOG_BYTES_MAX)
}

async function journalLog(): Promise<string | undefined> {
  const args = ['--no-pager', '--quiet', '-o', 'cat', '-u', 'holdfast-agent', '-n', String(LOG_LINES)]
  const { stdout } = await promisify(execFile)('journalctl', args, { maxBuffer: 16_000_000 }).catch(
    ({ stderr, code }: { stderr?: string; code?: unknown }) => {
      throw new Error(`the journal cannot be read: ${stderr?.trim() || String(code)}`)
    },
  )
  return stdout === '' ? undefined : stdout.slice(-LOG_BYTES_MAX)
}

/** Where this process may read the store, what is in it is looked for in every text as well. */
async function secretsOf(context: CommandContext): Promise<{ others: string[]; stored?: string[] }> {
  const { openSecrets } = await import('../settings/secrets.ts')
  const others = Object.entries(context.env).flatMap(([name, it]) => (name.startsWith('HOLDFAST_SECRET_') && it ? [it] : []))
  try {
    const store = await openSecrets(context.dir, {})
    // An empty one says nothing: it may be that of another machine than the agent's.
    return store.stored.length === 0 ? { others } : { others, stored: store.stored.flatMap((it) => store.get(it) ?? []) }
  } catch {
    return { others }
  }
}
