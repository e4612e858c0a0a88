// Slots by RAUC. Its own service does the work; we ask it by its program, with lists of arguments and never a shell.
import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { Unreachable } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { SlotView } from '../core/update.ts'
import { BUNDLE_BYTES_MAX } from './download.ts'
import { isAsSigned } from './payload.ts'
import type { BundleInfo, Slots } from './slots.ts'

export interface RaucPlace {
  readonly program: string
  /** Absent: /etc/rauc/system.conf. */
  readonly config?: string | undefined
  /** Of the system's bus; absent: the usual one. */
  readonly bus?: string | undefined
}

const slot = z.object({
  bootname: z.string().nullable(),
  device: z.string().optional(),
  state: z.string(),
  boot_status: z.string().nullable(),
  slot_status: z.object({ bundle: z.object({ version: z.string().nullish() }).optional() }).optional(),
})
const status = z.object({ boot_primary: z.string().nullable(), slots: z.array(z.record(z.string(), slot)) })
const info = z.object({ version: z.string().nullish(), build: z.string().nullish() })

const GENERATION = /^\d{1,9}$/
const ANSWER_MS_MAX = 120_000
const PROGRESS = /^\s*(\d{1,3})% (.+)$/
const BUSY = /already processing a different method/i
const LAST_ERROR = /^LastError: (.+)$/

export function raucSlots(place: RaucPlace): Slots {
  const ask = (args: readonly string[]) => run(place, args, () => undefined, AbortSignal.timeout(ANSWER_MS_MAX))
  const slotsNow = async () =>
    read(status, await ask(['status', '--detailed', '--output-format=json']), { code: 'slots-unknown' })
  return {
    view: async () => viewOf(await slotsNow()),
    async bootedDevice() {
      const all = (await slotsNow()).slots.flatMap((it) => Object.values(it))
      return all.find((it) => it.state === 'booted')?.device
    },
    async inspect(file) {
      const { size } = await stat(file).catch((cause: Error) => refuse(cause.message, cause))
      // Before RAUC sees it: of a plain one above 2 GiB, RAUC before 1.15.2, unless mended, checks its first bytes alone (CVE-2026-34155).
      if (size > BUNDLE_BYTES_MAX) refuse(`${formatBytes(size)} are more than a slot takes`)
      const text = await ask(['info', '--output-format=json', file]).catch((cause: Error) => refuse(cause.message, cause))
      const isWhole = await isAsSigned(file).catch((cause: Error) => refuse(cause.message, cause))
      if (!isWhole) refuse('what it carries is not what was signed')
      return infoOf(read(info, text, { code: 'bundle-refused' }))
    },
    install: (file, at, signal) => install(place, file, at, signal),
    markGood: async () => void (await ask(['status', 'mark-good', 'booted'])),
    markBad: async () => void (await ask(['status', 'mark-bad', 'booted'])),
    async discardOther() {
      await ask(['status', 'mark-active', 'booted'])
      await ask(['status', 'mark-bad', 'other'])
    },
    activateOther: async () => void (await ask(['status', 'mark-active', 'other'])),
  }
}

const REMEDY = 'take a bundle that was signed for this box, and whole'

function refuse(why: string, cause?: Error): never {
  throw new Unreachable('bundle-refused', `the bundle is refused: ${why}`, { cause, remedy: REMEDY })
}

function viewOf({ boot_primary, slots }: z.output<typeof status>): SlotView[] {
  const all = slots.flatMap((it) => Object.entries(it))
  return all
    .map(([id, { bootname, state, boot_status, slot_status }]) => ({
      name: bootname ?? id,
      isBooted: state === 'booted',
      isNext: boot_primary === id,
      isGood: boot_status === 'good',
      version: slot_status?.bundle?.version ?? null,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

function infoOf({ version, build }: z.output<typeof info>): BundleInfo {
  if (!version) refuse('it names no version')
  return { version, generation: build && GENERATION.test(build) ? Number(build) : 0 }
}

async function install(
  place: RaucPlace,
  file: string,
  at: (share: number, text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let failure: string | undefined
  const line = (text: string): void => {
    const [, percent, what] = PROGRESS.exec(text) ?? []
    if (percent !== undefined && what !== undefined) at(Number(percent) / 100, what)
    failure = LAST_ERROR.exec(text)?.[1] ?? failure
  }
  await run(place, ['install', file], line, signal).catch((cause: Error) => {
    signal.throwIfAborted()
    // Of a client that was killed: RAUC goes on without it, and what it writes is seen afterwards.
    if (BUSY.test(failure ?? cause.message)) throw new Unreachable('slots-busy', 'RAUC is at work already', { cause })
    throw new Unreachable('install-failed', `it could not be installed: ${failure ?? cause.message}`, { cause })
  })
}

/** Resolves with what it printed; rejects with what it complained of. */
function run({ program, config, bus }: RaucPlace, args: readonly string[], line: (text: string) => void, signal: AbortSignal) {
  return new Promise<string>((resolve, reject) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...(bus && { DBUS_SYSTEM_BUS_ADDRESS: bus }) }
    const [verb, ...rest] = args as [string, ...string[]]
    const child = spawn(program, [verb, ...(config === undefined ? [] : ['-c', config]), ...rest], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
      signal,
    })
    const printed: string[] = []
    const complaints: string[] = []
    createInterface({ input: child.stdout }).on('line', (it) => {
      printed.push(it)
      line(it)
    })
    createInterface({ input: child.stderr }).on('line', (it) => complaints.push(it))
    child.once('error', (cause) => reject(new Unreachable('no-rauc', `${program} cannot be run: ${cause.message}`, { cause })))
    child.once('close', (code, killedBy) => {
      if (code === 0) return resolve(printed.join('\n'))
      // One that crashed said nothing of it.
      const said = killedBy ? undefined : complaints.findLast((it) => it !== '' && !/rauc-Message|WARNING/.test(it))
      reject(new Unreachable('rauc-failed', said ?? `${program} ${verb} ended with ${killedBy ?? code}`))
    })
  })
}

function read<T extends z.ZodType>(schema: T, text: string, { code }: { readonly code: string }): z.output<T> {
  try {
    // Some versions print a note before it.
    return schema.parse(JSON.parse(text.slice(text.indexOf('{'))))
  } catch (cause) {
    throw new Unreachable(code, 'RAUC said what nobody understands', { cause })
  }
}
