// What the console sees and tries by itself, where neither agent nor helper answers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statfsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ConsoleRequest } from './commands/command.ts'
import type { BoxView } from './console/parts.ts'
import { newOrigin } from './core/batch.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import type { Settings } from './core/settings.ts'
import type { Logger, Protocol, TestStep } from './core/source.ts'
import { interfacesSeen } from './machine/interfaces-seen.ts'
import { deviceIdentity } from './settings/identity.ts'
import { systemClock } from './workers/clock.ts'

export type Env = Readonly<Record<string, string | undefined>>

const CONNECT_MS_MAX = 2_000
const LOG_LINES = 20

const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export function boxView(options: ConsoleRequest & { readonly env: Env }): BoxView {
  const { dir, panelPort } = options
  const settings = () => settingsOf(options, 'openSecrets')
  return {
    interfaces: interfacesSeen,
    deviceId: () =>
      settingsOf(options, 'lookAtSecrets').then(
        (it) => it.device.id,
        () => deviceIdentity(dir),
      ),
    disk() {
      const { bsize, blocks, bavail } = statfsSync(dir)
      return { bytes: blocks * bsize, freeBytes: bavail * bsize }
    },
    panelPort,
    panelRuns: () => listens(panelPort),
    async named() {
      const { sources, uplinks } = await settingsOf(options, 'lookAtSecrets')
      return { sources: sources.map((it) => it.name), uplinks: uplinks.map((it) => it.name) }
    },
    test: (kind, name, signal) => (kind === 'source' ? testSource : testUplink)(settings(), name, dir, signal),
    agentLog: (signal) => agentLog(options.agentLog, signal),
  }
}

/** `lookAtSecrets`: for what is shown; what is sent needs them. */
async function settingsOf(
  { settings, values, dir, env }: ConsoleRequest & { readonly env: Env },
  how: 'openSecrets' | 'lookAtSecrets',
): Promise<Settings> {
  const [{ readSettings }, { settingsSchemas }, secrets] = await Promise.all([
    import('./settings/read.ts'),
    import('./schemas.ts'),
    import('./settings/secrets.ts'),
  ])
  const checked = await readSettings(settings, {
    schemas: settingsSchemas,
    secrets: await secrets[how](dir, env),
    deviceId: await deviceIdentity(dir),
    ranBefore: true,
    ...(values !== undefined && { valuesFile: values }),
  })
  return checked.settings
}

async function* testSource(settings: Promise<Settings>, name: string, dir: string, signal: AbortSignal): AsyncIterable<TestStep> {
  const { sources, device } = await settings
  const source = named(sources, name)
  const { protocols } = await import('./sources/index.ts')
  const protocol = (await protocols[source.protocol]?.load()) as Protocol<unknown> | undefined
  if (!protocol) throw new BadInput([{ where: name, text: `there is no protocol ${source.protocol}` }])
  const context = { name, dir: join(dir, 'protocols', source.protocol), device: device.id, clock: systemClock(), log: SILENT }
  yield* protocol.test(source.settings, { ...context, origin: newOrigin(0), commitEveryMs: 250 }, signal)
}

async function* testUplink(settings: Promise<Settings>, name: string, _: string, signal: AbortSignal): AsyncIterable<TestStep> {
  const { uplinks, device, classes } = await settings
  const uplink = named(uplinks, name)
  const { uplinkKind } = await import('./uplinks/index.ts')
  const kind = await uplinkKind(uplink.kind)
  const { records, encoding } = uplink
  const names = classes.map((it) => it.name)
  const context = {
    name,
    device: device.id,
    site: device.site,
    log: SILENT,
    clock: systemClock(),
    records,
    encoding,
    classes: names,
  }
  yield* kind.test(uplink.settings, context, signal)
}

function named<T extends { readonly name: string }>(list: readonly T[], name: string): T {
  const found = list.find((it) => it.name === name)
  if (found) return found
  throw new BadInput([{ where: name, text: 'the settings name no such thing' }])
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: CONNECT_MS_MAX })
    const settle = (answers: boolean): void => {
      socket.destroy()
      resolve(answers)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}

/** Last lines and what comes, until the signal aborts. */
async function* agentLog(file: string | undefined, signal: AbortSignal): AsyncIterable<string> {
  const [program, args] =
    file === undefined
      ? ['journalctl', ['--no-pager', '-o', 'cat', '-f', '-n', String(LOG_LINES), '-u', 'holdfast-agent']]
      : ['tail', ['-n', String(LOG_LINES), '-F', '--', file]]
  const child = spawn(program as string, args as string[], { stdio: ['ignore', 'pipe', 'ignore'], signal })
  // What ends it by the signal is no error.
  child.on('error', () => undefined)
  const began = await once(child, 'spawn').then(
    () => true,
    () => false,
  )
  try {
    if (began) yield* createInterface({ input: child.stdout })
  } finally {
    child.kill()
  }
  if (signal.aborted) return
  const remedy = 'name the file of its log: holdfast console --agent-log FILE'
  throw new Unreachable('no-log', `the agent's log cannot be read by ${program}`, { remedy })
}
