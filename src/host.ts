// The small helper of root: the one process beside the updater that may change the system.
//
//   panel, console, CLI ─► DIR/run/host.sock ─► a verb (checked) ─► networkd or ip, date, systemctl, mount
//
// It knows no secret and starts no shell. Changes of addresses take themselves back unless they are confirmed; that state is on disk.
import { join } from 'node:path'
import type { HostRequest } from './commands/command.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import { connectAgent } from './local-api/client.ts'
import { bootId } from './machine/clock-boot.ts'
import { createNetwork } from './machine/host/network/change.ts'
import type { Programs } from './machine/host/programs.ts'
import { keepTime } from './machine/host/kept-time.ts'
import { programs } from './machine/host/programs.ts'
import { serveHost } from './machine/host/server.ts'
import { hostSocket } from './machine/host/wire.ts'
import { openLogger } from './machine/logger.ts'
import { writeWhole } from './machine/whole-file.ts'
import { existsSync } from 'node:fs'

/** After a power cut a box without a clock of its own begins so far back. */
const KEEP_TIME_EVERY_MS = 600_000

/** Runs until the signal aborts. */
export async function runHost({ dir, places }: HostRequest, signal: AbortSignal): Promise<number> {
  const logger = await openLogger('host', 'info')
  const said = (text: string) => logger.info({}, text)
  const run = programs()
  const network = createNetwork({
    programs: run,
    dir: places.state ?? join(dir, 'host'),
    filesDir: places.network ?? '/etc/systemd/network',
    by: networkBy(run),
    bootId: bootId(),
    uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
    said,
  })
  const keptTime = places.keptTime ?? '/var/lib/systemd/timesync/clock'
  const keep = () => keepTime(keptTime).catch((error: Error) => said(`the time cannot be kept: ${error.message}`))
  const keeping = setInterval(() => void keep(), KEEP_TIME_EVERY_MS)
  // Before anybody is answered: what is due is taken back.
  await network.start()
  const settings = places.settings ?? join(dir, 'settings.yaml')
  const server = await serveHost(
    hostSocket(dir),
    {
      programs: run,
      network,
      places: {
        network: places.network ?? '/etc/systemd/network',
        time: places.time ?? '/etc/systemd/timesyncd.conf.d',
        keptTime,
        stick: places.stick ?? '/run/holdfast/stick',
        stickDevice: places.stickDevice,
        settings,
        reset: places.reset ?? '/state/reset',
      },
      checkSettings: (text) => checkSettings(text, settings, dir),
      agentRuns: () => agentRuns(dir),
      isUpdating: () => isUpdating(dir, said),
    },
    said,
  )
  said('the helper of root is up')
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  clearInterval(keeping)
  network.close()
  server.close()
  await keep()
  return 0
}

/** Who runs the interfaces: networkd leaves its state there while it does. */
function networkBy({ has, hasSystemd }: Programs): 'networkd' | 'ip' {
  return hasSystemd && has('networkctl') && existsSync('/run/systemd/netif/links') ? 'networkd' : 'ip'
}

/** One that fails or begins anew runs too: what it has in force must not be written over. */
async function agentRuns(dir: string): Promise<boolean> {
  return connectAgent(dir)
    .status()
    .then(
      () => true,
      (error: unknown) => !(error instanceof Unreachable && error.code === 'agent-unreachable'),
    )
}

/** As the updater has it on disk. */
async function isUpdating(dir: string, said: (text: string) => void): Promise<boolean> {
  const { openStore } = await import('./update/state.ts')
  const { job } = (await openStore(join(dir, 'update', 'update.json'), writeWhole, said)).now()
  return job !== null && job.phase !== 'fetch' && job.phase !== 'ready'
}

/** Whether secrets are there is the agent's to see. */
async function checkSettings(text: string, file: string, dir: string): Promise<void> {
  const [{ parseSettings }, { settingsSchemas }, { deviceIdentity }] = await Promise.all([
    import('./settings/read.ts'),
    import('./schemas.ts'),
    import('./settings/identity.ts'),
  ])
  try {
    parseSettings(text, file, {
      schemas: settingsSchemas,
      secrets: { get: () => undefined },
      deviceId: await deviceIdentity(dir),
    })
  } catch (error) {
    const problems =
      error instanceof BadInput ? error.problems.filter((it) => !it.text.endsWith('is not in the secret store')) : []
    if (!(error instanceof BadInput) || problems.length > 0) throw error instanceof BadInput ? new BadInput(problems) : error
  }
}
