// A box under test: the machine that runs now, the person who is logged in at its page, and updates from a stick at its serial line.
import type { UpdateStatus } from '../../src/core/update.ts'
import { until } from '../route/until.ts'
import type { Browser } from '../web/panel.ts'
import { browser, PASSWORD } from '../web/panel.ts'
import { banner } from './banner.ts'
import { stickWith } from './bundles.ts'
import type { BootOptions, Disk, Machine } from './machine.ts'
import { boot, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

/** `--well-within`, and what is around it. */
export const TRIAL_MS_MAX = 480_000

/** Of each version the files that lie over it. */
export type Versions = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface Box {
  readonly disk: Disk
  machine(): Machine
  /** Whoever claimed it or logged in last. */
  anna(): Browser
  /** Starts it, whatever becomes of that. */
  start(): Promise<Machine>
  /** Starts it; what its banner says: [, its id, its version, how it is]. */
  up(): Promise<RegExpExecArray>
  /** Of one that nobody has claimed. */
  claim(): Promise<void>
  logIn(): Promise<void>
  /** A call of the page; throws what it says where it is refused. */
  ask<T>(name: string, input?: object): Promise<T>
  /** What an update is at, once `is` holds. */
  sees(what: string, is: (now: UpdateStatus) => boolean): Promise<UpdateStatus>
  /** As a technician asks for it at the serial line, until it is accepted. */
  askFor(version: string): Promise<void>
  /** … until the box goes down with it. */
  installFromStick(version: string): Promise<void>
  /** Of one that was asked for. */
  goesDownWith(version: string): Promise<void>
  /** Prints how long `what` took since the last one. */
  took(what: string): void
  remove(): Promise<void>
}

export function newBox(board: string, versions: Versions = {}, options: BootOptions = {}): Box {
  const names = Object.keys(versions)
  const stick = names.length > 0 ? stickWith(board, versions) : undefined
  const disk = newDisk(board)
  let machine: Machine | undefined
  let anna: Browser | undefined
  let begun = performance.now()

  const running = () => machine ?? fail('it was not started yet')
  const person = () => anna ?? fail('nobody is logged in yet')

  function took(what: string): void {
    console.log(`${what}: ${Math.round((performance.now() - begun) / 1000)} s`)
    begun = performance.now()
  }

  /** Not there while the box is on its way down, or up. */
  const status = () =>
    person()
      .call('update status')
      .then(
        (it) => (it.status === 200 ? it.json<UpdateStatus>() : undefined),
        () => undefined,
      )

  async function askFor(version: string): Promise<void> {
    const talk: readonly (readonly [RegExp, string])[] = [
      [/Name \(or: [^)]*\): $/, 'anna'],
      [/Password: $/, PASSWORD],
      [/Choice [^:]*: $/, '11'],
      [/u\) install a bundle from the stick[^]*Which \(Enter: none\): $/, 'u'],
      [/Which \(1(-\d+)?, Enter: none\): $/, String(names.indexOf(version) + 1)],
      [/start anew with it\? \(y\/n\) $/, 'y'],
    ]
    // Enter alone draws the banner anew, with the question behind it.
    running().type('\r')
    for (const [asks, answer] of talk) {
      await running().says(asks)
      running().type(`${answer}\r`)
    }
  }

  /** The line that says so may be cut off: the box goes down at once. */
  async function goesDownWith(version: string): Promise<void> {
    const ended = await running()
      .says(/\(y\/n\) y\n[^]*?(refused: .*|failed: .*|the box starts anew with it)/, BOOT_MS_MAX + TRIAL_MS_MAX)
      .catch((error: unknown) => {
        if (!running().isOff()) throw error
        return undefined
      })
    if (ended && !ended[1]?.startsWith('the box')) throw new Error(`${version} was not installed: ${ended[1]}`)
    took(`${version} is installed`)
    await running().goesOff()
    took('the box is down')
  }

  async function start(): Promise<Machine> {
    const drive = `if=none,id=stick,format=raw,readonly=on,file=/made/${stick}`
    const plugged = ['-device', 'qemu-xhci', '-drive', drive, '-device', 'usb-storage,drive=stick']
    const qemu = [...(options.qemu ?? []), ...(stick === undefined ? [] : plugged)]
    return (machine = await boot(disk, {}, { ...options, qemu }))
  }

  return {
    disk,
    machine: running,
    anna: person,
    askFor,
    took,
    start,
    async up() {
      const found = await banner(await start(), 'any')
      took(`${found[2]} says its banner`)
      return found
    },
    async claim() {
      const [, code = ''] = await running().says(/Claim code: (\S+)/)
      const it = browser(running().page.service)
      anna = it
      await until('the page answers', async () => (await it.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
      const { status: claimed, text } = await it.claim(code)
      if (claimed !== 200) throw new Error(`the claim code ${code} was not taken: ${text}`)
    },
    async logIn() {
      const it = browser(running().page.service)
      anna = it
      await until('log-in', async () => (await it.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
    },
    sees: (what, is) =>
      until(
        what,
        async () => {
          const now = await status()
          return now && is(now) ? now : undefined
        },
        BOOT_MS_MAX + TRIAL_MS_MAX,
        2_000,
      ),
    goesDownWith,
    async installFromStick(version) {
      await askFor(version)
      await goesDownWith(version)
    },
    async ask<T>(name: string, input: object = {}) {
      const asked = () => person().call(name, input)
      // On a machine this slow a connection may be at its end just when it is asked by, as in a browser, which asks anew.
      const {
        status: answer,
        text,
        json,
      } = await asked().catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET') throw error
        return asked()
      })
      if (answer !== 200) throw new Error(`${name}: ${answer} ${text}`)
      return json<T>()
    },
    async remove() {
      await machine?.kill()
      // Kept for a look where somebody wants one.
      if (process.env['KEEP'] === undefined) disk.remove()
    },
  }
}

function fail(text: string): never {
  throw new Error(text)
}
