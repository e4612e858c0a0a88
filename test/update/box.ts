// A box without its hardware: two slots that are files, the boot loader's script played on a real grubenv, the real RAUC service that writes
// them and tells the boot loader by the program of the image, the real updater, the real agent. What it boots, the slot's first line says: `sick`
// names what that version does wrong.
//
//   DIR/grubenv   DIR/slot-A   DIR/slot-B   DIR/data   DIR/data/log      its disk: what is there already, it begins with
//
// All else in DIR is made anew each time.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, readSync, closeSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UpdateApi, UpdateStatus } from '../../src/core/update.ts'
import { connectUpdater } from '../../src/update/client.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { bootEnvironmentLines, bootLoaderTakes, SLOT_PROGRAM } from './boot-loader.ts'
import { COMPATIBLE, slotImage } from './signing.ts'

export interface Box {
  readonly dir: string
  readonly data: string
  readonly updater: UpdateApi
  /** Of the slot that runs. */
  running(): { readonly slot: string; readonly version: string; readonly sick: string }
  boots(): number
  updaterChild(): Child
  /** The service that writes slots. */
  raucChild(): Child
  agentChild(): Child | undefined
  /** As GRUB finds it. */
  env(): Readonly<Record<string, string>>
  /** Everything that runs is killed, as when power is cut; it does not come back by itself. */
  cut(): Promise<void>
  /** On again. */
  power(): Promise<void>
  settings(text: string): void
  /** Until it says so. */
  sees(what: string, is: (it: UpdateStatus) => boolean, msMax?: number): Promise<UpdateStatus>
  log(): string
  close(): Promise<void>
}

export interface BoxOptions {
  readonly ca: string
  /** A folder of somebody else's; absent: one of its own, which goes with it. */
  readonly dir?: string
  /** A server's certificate that the updater trusts. */
  readonly trusts?: string
  /** Hears of each step that is written to the disk (steps.main.ts). */
  readonly marks?: string
  /** At each boot, before anything of it runs. */
  readonly boots?: (slot: string) => void
  /** At each orderly way down, when nothing runs any more. */
  readonly down?: () => void
  readonly settings?: string
  readonly secrets?: Readonly<Record<string, string>>
  /** Without it nothing answers on the agent's sockets: for what needs none. */
  readonly hasAgent?: boolean
  readonly updaterArgs?: readonly string[]
  /** Node's own options for the agent of a version that is sick in that way. */
  readonly sickness?: Readonly<Record<string, string>>
}

const REBOOT = 10
const STEPS = join(import.meta.dirname, 'steps.main.ts')
const TIMES = ['--grace', '4s', '--steady', '500ms']
/** A loaded machine starts an agent slowly; who never gets well is not waited for as long. */
const WITHIN = { well: '90s', sick: '12s', sickAgent: '45s' }

/** Root, for loop devices, and RAUC with what it starts. */
export function canUpdate(): boolean {
  const programs = ['rauc', 'grub-editenv', 'dbus-daemon', 'mksquashfs']
  return process.getuid?.() === 0 && programs.every((it) => spawnSync('which', [it]).status === 0)
}

export async function box(options: BoxOptions): Promise<Box> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'hf-box-'))
  const data = join(dir, 'data')
  const at = (name: string) => join(dir, name)
  for (const it of ['data', 'stick', 'mount']) mkdirSync(at(it), { recursive: true })
  for (const slot of ['A', 'B'])
    if (!existsSync(at(`slot-${slot}`))) writeFileSync(at(`slot-${slot}`), slotImage({ version: '1.0.0' }))
  writeFileSync(at('settings.yaml'), options.settings ?? 'version: 1\n')
  if (options.secrets) writeFileSync(join(data, 'secrets.json'), JSON.stringify(options.secrets), { mode: 0o600 })
  if (!existsSync(at('grubenv'))) makeBootEnvironment(at('grubenv'))
  writeFileSync(at('slot'), slotScript(dir, options.marks), { mode: 0o755 })
  writeFileSync(at('rauc.conf'), raucConfig(dir, options.ca))
  writeFileSync(at('bus.conf'), busConfig(at('bus')))
  const bus = startChild(dir, 'bus', 'dbus-daemon', [`--config-file=${at('bus.conf')}`, '--nofork', '--nopidfile'])
  await until('the bus is there', () => existsSync(at('bus')))
  const updater = connectUpdater(data)
  let rauc: Child | undefined
  let agent: Child | undefined
  let child: Child | undefined
  let boots = 0
  let isOn = false
  let slot = ''
  let looping = Promise.resolve()

  const env = () => Object.fromEntries(bootEnvironmentLines(at('grubenv')).map((it) => it.split('=') as [string, string]))
  const runs = (): { version: string; sick: string } => firstLine(at(`slot-${slot}`))

  function choose(): string {
    const { slot: chosen, attempt } = bootLoaderTakes(at('grubenv'))
    execFileSync(at('slot'), ['keep', `${chosen}_TRY=${attempt}`])
    return chosen
  }

  async function boot(): Promise<void> {
    boots++
    slot = choose()
    writeFileSync(at('cmdline'), `rauc.slot=${slot}\n`)
    options.boots?.(slot)
    const { version, sick } = runs()
    writeFileSync(at('os-release'), `IMAGE_VERSION=${version}\n`)
    const busEnv = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${at('bus')}` }
    rauc = startChild(dir, 'rauc', 'rauc', ['service', `--conf=${at('rauc.conf')}`, `--override-boot-slot=${slot}`], busEnv)
    if (sick === 'panic') return
    if (options.hasAgent !== false && sick !== 'no-agent') {
      const nodeOptions = options.sickness?.[sick] ?? ''
      agent = startChild(dir, 'agent', process.execPath, [cli, 'agent', '--settings', at('settings.yaml'), '--data', data], {
        NODE_OPTIONS: nodeOptions,
      })
    }
    await until('RAUC answers', () => {
      if (!isOn) return true
      try {
        return (
          execFileSync('rauc', ['status', '-c', at('rauc.conf')], { env: { ...process.env, ...busEnv }, stdio: 'pipe' }).length >
          0
        )
      } catch {
        return false
      }
    })
    const places = ['--settings', at('settings.yaml'), '--stick-dir', at('stick'), '--os-release', at('os-release')]
    const ours = ['--rauc-config', at('rauc.conf'), '--bus', `unix:path=${at('bus')}`, '--boot', `boot-${boots}`]
    const within = sick === '' ? WITHIN.well : options.sickness?.[sick] === undefined ? WITHIN.sick : WITHIN.sickAgent
    const times = [...TIMES, '--well-within', within]
    const args = [cli, 'updater', '--data', data, ...places, ...ours, ...times, ...(options.updaterArgs ?? [])]
    const steps = options.marks !== undefined && { NODE_OPTIONS: `--import=${STEPS}`, HOLDFAST_MARKS: options.marks }
    const trusts = options.trusts !== undefined && { NODE_EXTRA_CA_CERTS: options.trusts }
    child = startChild(dir, 'updater', process.execPath, args, { ...steps, ...trusts })
  }

  const down = async (how: 'kill' | 'end'): Promise<void> => {
    await Promise.all([agent?.[how](), rauc?.kill(), child?.kill()])
    agent = undefined
    unmountBelow(at('mount'))
    if (how === 'end') options.down?.()
  }

  /** Whoever boots it: power, and its own wish. */
  async function supervise(): Promise<void> {
    while (isOn) {
      await boot()
      // Cut while it came up: what was started meanwhile goes too.
      if (!isOn) return down('kill')
      if (runs().sick === 'panic') {
        await down('kill')
        continue
      }
      const how = await (child as Child).ended
      if (!isOn) return
      if (how !== REBOOT) throw new Error(`the updater ended (${how}): ${lastLines(at('updater.log'), 5).join('\n')}`)
      await down('end')
    }
  }

  const it: Box = {
    dir,
    data,
    updater,
    running: () => ({ slot, ...runs() }),
    boots: () => boots,
    updaterChild: () => child as Child,
    raucChild: () => rauc as Child,
    agentChild: () => agent,
    env,
    async cut() {
      isOn = false
      await down('kill')
      await looping
    },
    async power() {
      isOn = true
      looping = supervise()
      looping.catch(() => undefined)
      await until('the updater answers', async () => {
        if (!isOn) throw new Error('the box went off')
        return (await updater.status().catch(() => undefined)) !== undefined
      })
    },
    settings: (text) => writeFileSync(at('settings.yaml'), text),
    sees: async (what, is, msMax = 60_000) => {
      let last: UpdateStatus | undefined
      const failure = looping.then(
        () => undefined,
        (error: Error) => error,
      )
      return until(
        what,
        async () => {
          const broken = await Promise.race([failure, Promise.resolve('on')])
          if (broken instanceof Error) throw broken
          last = (await updater.status().catch(() => undefined)) ?? last
          return last && is(last) ? last : undefined
        },
        msMax,
      ).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}\n${lastLines(at('updater.log'), 10).join('\n')}`)
      })
    },
    log: () => readFileSync(at('updater.log'), 'utf8'),
    async close() {
      isOn = false
      await down('kill')
      await bus.kill()
      await looping.catch(() => undefined)
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
    },
  }
  await it.power()
  if (options.hasAgent !== false)
    await until('the agent answers', () =>
      connectAgent(data)
        .status()
        .catch(() => undefined),
    )
  return it
}

function firstLine(file: string): { version: string; sick: string } {
  const head = Buffer.alloc(200)
  const fd = openSync(file, 'r')
  readSync(fd, head, 0, 200, 0)
  closeSync(fd)
  return JSON.parse(head.toString('latin1').split('\n')[0] as string) as { version: string; sick: string }
}

export function makeBootEnvironment(file: string): void {
  execFileSync('grub-editenv', [file, 'create'])
  execFileSync('grub-editenv', [file, 'set', 'ORDER=A B', 'A_OK=1', 'A_TRY=0', 'B_OK=1', 'B_TRY=0'])
}

/** The image's own program, told where this box's boot environment is. */
function slotScript(dir: string, marks: string | undefined): string {
  const say = (when: string) => (marks ? `case $1 in set-*) echo "step ${when} boot loader $*: told" > '${marks}' ;; esac\n` : '')
  return `#!/bin/sh\nexport BOOT_ENVIRONMENT='${dir}/grubenv' KERNEL_LINE='${dir}/cmdline'\n${say('before the')}'${SLOT_PROGRAM}' "$@" || exit\n${say('the')}`
}

/** What is mounted ends with the power, too. */
function unmountBelow(dir: string): void {
  const mounted = readFileSync('/proc/mounts', 'utf8').split('\n')
  for (const it of mounted.toReversed()) {
    const [, at = ''] = it.split(' ')
    if (at.startsWith(`${dir}/`)) spawnSync('umount', ['-l', at])
  }
}

function raucConfig(dir: string, ca: string): string {
  const slot = (name: string, at: number) => `[slot.rootfs.${at}]\ndevice=${dir}/slot-${name}\ntype=raw\nbootname=${name}\n`
  return [
    `[system]\ncompatible=${COMPATIBLE}\nbootloader=custom\nmountprefix=${dir}/mount\nstatusfile=${dir}/data/rauc.status\n`,
    `[handlers]\nbootloader-custom-backend=${dir}/slot\n`,
    `[keyring]\npath=${ca}\ncheck-purpose=codesign\nuse-bundle-signing-time=true\n`,
    slot('A', 0),
    slot('B', 1),
  ].join('\n')
}

function busConfig(path: string): string {
  const all = ['method_call', 'method_return', 'error', 'signal']
  const rules = all.flatMap((it) => [`<allow send_type="${it}"/>`, `<allow receive_type="${it}"/>`]).join('')
  const policy = `<policy context="default"><allow own="*"/><allow user="*"/><allow send_destination="*"/>${rules}</policy>`
  return `<busconfig><type>system</type><listen>unix:path=${path}</listen><auth>EXTERNAL</auth>${policy}</busconfig>`
}
