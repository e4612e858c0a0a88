// The updater: the one process that writes slots.
//
//   hawkBit ─► update/follow ─┐
//   people  ─► update.sock ───┴─► update/course ─► RAUC ─► the other slot ═► boot ─► update/health (agent's sockets) ─► it stays, or goes back
//
// It is root, reads of the secrets those that stand under `update`, starts no shell and takes no path from anybody.
import { mkdir, readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UpdaterRequest } from './commands/command.ts'
import type { AgentApi } from './core/agent-api.ts'
import { BadInput, Unreachable } from './core/errors.ts'
import type { Status } from './core/status.ts'
import type { HealthCheck } from './core/update.ts'
import { formatBytes } from './core/units.ts'
import { connectAgent } from './local-api/client.ts'
import { bootId } from './machine/clock-boot.ts'
import { programs } from './machine/host/programs.ts'
import { openLogger } from './machine/logger.ts'
import { serveVerbs } from './machine/verb-server.ts'
import { writeWhole } from './machine/whole-file.ts'
import { updateSocket } from './update/client.ts'
import { createCourse } from './update/course.ts'
import type { DdiServer } from './update/ddi.ts'
import { ddiOf } from './update/ddi.ts'
import { createFetch } from './update/fetch.ts'
import type { Source } from './update/fetch.ts'
import type { Follow } from './update/follow.ts'
import { createFollow } from './update/follow.ts'
import { greet } from './update/greet.ts'
import type { HealthParts } from './update/health.ts'
import { AGENT_AWAY, baselineOf, health } from './update/health.ts'
import type { HttpRequest } from './update/http.ts'
import { indexBeside } from './update/index-fetch.ts'
import { openMinimum } from './update/minimum.ts'
import { updateOffers } from './update/offers.ts'
import type { Surroundings } from './update/policy.ts'
import { raucSlots } from './update/rauc.ts'
import type { Slots } from './update/slots.ts'
import type { Job } from './update/state.ts'
import { openStore } from './update/state.ts'
import { UPDATE_VERBS } from './update/verbs.ts'
import type { SystemWay } from './updater-links.ts'
import { systemWay } from './updater-links.ts'
import type { UpdaterSettings } from './updater-settings.ts'
import { isWindowOpen, readUpdaterSettings } from './updater-settings.ts'

export interface UpdaterOptions extends UpdaterRequest {
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Console and page look each second. */
const SEEN_MS = 5_000
/** What it ends with where somebody else boots the box. */
const REBOOT_STATUS = 10
/** A disk with less is short, whatever the log says. */
const SPARE_BYTES = 64_000_000
const SHORT = new Set(['log-full', 'disk-full', 'disk-short'])
/** Of what `stat` counts by, whatever the file system. */
const STAT_BLOCK_BYTES = 512
const DAY_US = 86_400_000_000

/** Runs until the signal aborts. Resolves with the exit status. */
export async function runUpdater(options: UpdaterOptions, signal: AbortSignal): Promise<number> {
  const { dir, places, times, env } = options
  const logger = await openLogger('updater', env['LOG_LEVEL'] ?? 'info')
  const said = (text: string) => logger.info({}, text)
  const stateDir = places.state ?? join(dir, 'update')
  const bundleDir = join(dir, 'update')
  for (const it of [stateDir, bundleDir]) await mkdir(it, { recursive: true, mode: 0o700 })
  const version = await versionOf(places.osRelease ?? '/etc/os-release', options.version)
  const slots = raucSlots({ program: places.rauc ?? '/usr/bin/rauc', config: places.raucConfig, bus: places.bus })
  const store = await openStore(join(stateDir, 'update.json'), writeWhole, said)
  const minimum = openMinimum(places.minimum ?? join(stateDir, 'minimum.json'), writeWhole)
  const bundleFile = join(bundleDir, 'bundle.raucb')
  const agent = connectAgent(dir)
  const settings = () =>
    readUpdaterSettings({ dir, settings: places.settings ?? join(dir, 'settings.yaml'), values: places.values, env })
  const ending = new AbortController()
  const over = AbortSignal.any([signal, ending.signal])
  const run = programs()
  let checks: readonly HealthCheck[] = []
  let restarts = false
  const seen = (it: readonly HealthCheck[]): void => void (checks = it)
  const parts = healthParts(agent)
  const reports: { follow?: Follow } = {}

  const fetchBundle = createFetch(said)

  const course = createCourse({
    slots,
    store,
    minimum,
    bundleFile,
    bootId: options.boot ?? bootId(),
    version,
    said,
    now: () => Date.now() * 1000,
    async fetch(job, at, jobSignal) {
      const now = await settings()
      const way = await allowedWay(agent, now)
      const requestFor = job.origin === 'server' ? ddiFor(now, way, jobSignal).requestFor : () => way
      await fetchBundle(
        { ...sourceOf(job, requestFor), file: bundleFile, device: await slots.bootedDevice().catch(() => undefined) },
        at,
        jobSignal,
      )
    },
    surroundings: async (job) => surroundings(job, agent, await settings(), dir, bundleFile),
    async baseline() {
      const [status, now] = await Promise.all([statusInTime(agent, times.graceMs, over), settings()])
      return status ? baselineOf(status, (kind, name) => [...now.reach(kind, name)]) : AGENT_AWAY
    },
    health: (baseline, healthSignal) => health(parts, baseline, times, seen, healthSignal),
    async reboot() {
      if (options.boot === undefined) {
        // Page and console go first: whoever looks is told before.
        await sleep(SEEN_MS)
        return void (await run.run('systemctl', ['reboot']))
      }
      restarts = true
      ending.abort()
    },
    report: async (job, what) => reports.follow?.report(job, what),
  })
  const follow = createFollow({
    async open(askSignal) {
      const now = await settings()
      if (!now.update) return undefined
      return { url: now.update.server, ddi: async () => ddiFor(now, await allowedWay(agent, now), askSignal) }
    },
    store,
    course,
    attributes: async () => attributes(await settings(), version, slots),
    now: () => Date.now() * 1000,
    said,
  })
  reports.follow = follow
  const { stick = '/run/holdfast/stick' } = places
  const api = updateOffers({
    course,
    follow,
    store,
    slots,
    minimum,
    version,
    bundleFile,
    stickDir: stick,
    checks: () => checks,
    said,
  })
  const server = await serveVerbs(updateSocket(dir), {
    verbs: UPDATE_VERBS,
    parts: api,
    quiet: new Set(['status', 'take']),
    said,
  })
  said(`the updater is up, version ${version}`)
  await Promise.all([
    course.run(over),
    follow.run(over),
    greet({
      over,
      said,
      async isOrdinary() {
        const { job } = store.now()
        // What was just written and boots already is on trial.
        if (job?.phase === 'install' && (await slots.view()).find((it) => it.isBooted)?.name === job.target) return false
        return !job || job.phase === 'fetch' || job.phase === 'ready' || job.phase === 'install'
      },
      isWell: async () => (await health(parts, null, { ...times, graceMs: 0 }, seen, over)).isWell,
      async markGood() {
        await slots.markGood()
        if ((await minimum.read()) === null) await minimum.raise({ version, generation: 0 })
      },
    }),
  ])
  server.close()
  return restarts ? REBOOT_STATUS : 0
}

async function allowedWay(agent: AgentApi, settings: UpdaterSettings): Promise<{ localAddress?: string | undefined }> {
  const { wait, localAddress } = await systemWay(agent, settings)
  if (wait !== undefined) throw new Unreachable('no-link', wait)
  return { localAddress }
}

function ddiFor(settings: UpdaterSettings, { localAddress }: SystemWay, signal: AbortSignal) {
  const { device, update } = settings
  if (!update) throw new Unreachable('no-server', 'the settings name no update server any more')
  const { server: url, tenant, token, auth, ca } = update
  const kind = auth === 'gateway' ? 'GatewayToken' : 'TargetToken'
  const server: DdiServer = { url, tenant, device, ca, authorization: token === undefined ? undefined : `${kind} ${token}` }
  return ddiOf(server, localAddress, signal)
}

async function surroundings(
  job: Job,
  agent: AgentApi,
  settings: UpdaterSettings,
  dir: string,
  bundleFile: string,
): Promise<Surroundings> {
  const [way, status] = await Promise.all([systemWay(agent, settings), agent.status().catch(() => undefined)])
  const short = status?.issues.find((it) => SHORT.has(it.code))
  const { bavail, bsize } = await statfs(dir)
  const isHere = job.phase !== 'fetch' || job.file !== null
  const needed = SPARE_BYTES + (isHere ? 0 : Math.max(0, (job.bytes ?? 0) - (await sizeOf(`${bundleFile}.part`))))
  const lacks =
    bavail * bsize < needed ? `${formatBytes(needed)} are needed on the disk, ${formatBytes(bavail * bsize)} are free` : undefined
  return { link: way.wait, space: short?.text ?? lacks, isWindowOpen: isWindowOpen(settings, Date.now() * 1000) }
}

function sourceOf(job: Job, requestFor: (url: string) => Omit<HttpRequest, 'signal'>): Omit<Source, 'file' | 'device'> {
  const { url, bytes, sha256 } = { ...job, url: job.url ?? '' }
  const indexUrl = job.origin === 'server' ? job.indexUrl : indexBeside(url)
  const index = indexUrl === null ? null : { url: indexUrl, request: requestFor(indexUrl) }
  return { url, bytes, sha256, request: requestFor(url), index }
}

/** What it takes up: where a bundle is put together there are holes. */
async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (it) => it.blocks * STAT_BLOCK_BYTES,
    () => 0,
  )
}

/** One that starts anew is not one that is away. */
async function statusInTime(agent: AgentApi, ms: number, signal: AbortSignal): Promise<Status | undefined> {
  const end = performance.now() + ms
  for (;;) {
    const status = await agent.status().catch(() => undefined)
    if (status || performance.now() >= end) return status
    await sleep(Math.min(1_000, ms), undefined, { signal })
  }
}

function healthParts(agent: AgentApi): HealthParts {
  return {
    status: () => agent.status(),
    async readLog() {
      const to = Date.now() * 1000 + DAY_US
      for await (const _ of agent.query({ tag: '*', from: to - 8 * DAY_US, to, limit: 1 }, AbortSignal.timeout(30_000))) return
    },
    async answersOnBus(source, signal) {
      for await (const it of agent.testSource(source, AbortSignal.any([signal, AbortSignal.timeout(30_000)])))
        if (!it.ok) return false
      return true
    },
  }
}

async function attributes({ device, site }: UpdaterSettings, version: string, slots: Slots): Promise<Record<string, string>> {
  const booted = (await slots.view().catch(() => [])).find((it) => it.isBooted)
  return { product: 'holdfast', device, site, version, slot: booted?.name ?? '', arch: process.arch }
}

/** IMAGE_VERSION of os-release: what the image was built as, which a bundle's version is too. */
async function versionOf(file: string, own: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code}` }])
  })
  return /^IMAGE_VERSION="?([^"\n]+)"?$/m.exec(text)?.[1] ?? own
}
