// The web page and its API, a process of its own: it can be flooded, die and start again, and no reading notices.
//
//   browser, scripts ─► web ─► commands ─► local-api/client ─► the agent's sockets
//                        └► access (who may what) ─what was done─► the agent's sockets ─► log ─► uplinks
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { openCertificates } from './access/certificate.ts'
import { machineTime } from './access/clock.ts'
import { openAccess } from './access/index.ts'
import { localName } from './core/device-name.ts'
import { connectAgent } from './local-api/client.ts'
import { hostOrSeen } from './machine/host-or-seen.ts'
import { connectHost } from './machine/host/client.ts'
import { openPino } from './machine/logger.ts'
import { keepHeapsSmall } from './machine/memory.ts'
import { deviceIdentity } from './settings/identity.ts'
import { connectUpdater } from './update/client.ts'
import { clockSteps } from './web/clock-steps.ts'
import { handOver } from './web/hand-over.ts'
import { servePanel } from './web/server.ts'

export interface PanelProcessOptions {
  readonly dir: string
  readonly host: string
  readonly port: number
  readonly redirect?: { readonly host: string; readonly port: number } | undefined
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The data path goes first wherever both want a core. */
const NICENESS = 10
const PAGE = fileURLToPath(new URL('../build/page', import.meta.url))

/** Runs until the signal aborts. Resolves with the exit status. */
export async function runPanel(
  { dir, host, port, redirect, env, version }: PanelProcessOptions,
  signal: AbortSignal,
): Promise<number> {
  keepHeapsSmall()
  setPriority(NICENESS)
  const log = await openPino('panel', env['LOG_LEVEL'] ?? 'info')
  const access = await openAccess(dir)
  const certificates = openCertificates(dir, localName(await deviceIdentity(dir)))
  const agent = connectAgent(dir)
  const panel = await servePanel({
    dir,
    host,
    port,
    redirect,
    pageDir: PAGE,
    certificates,
    access,
    updater: connectUpdater(dir),
    agent,
    helper: hostOrSeen(connectHost(dir)),
    log,
    version,
  })
  const events = handOver(access, agent, log)
  const steps = clockSteps(access, machineTime())
  log.info({ url: panel.url, fingerprint: panel.fingerprint, claimed: access.isClaimed() }, 'the panel is up')
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await panel.close()
  steps.close()
  await events.close()
  access.close()
  return 0
}
