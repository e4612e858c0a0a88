// Updates of what ships, from a stick at the serial line: a good version comes and stays, one whose agent dies goes by itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UpdateStatus } from '../../src/core/update.ts'
import { until } from '../route/until.ts'
import type { Browser } from '../web/panel.ts'
import { browser, PASSWORD } from '../web/panel.ts'
import { banner } from './banner.ts'
import { stickWith } from './bundles.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, bootEnvironment, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const GOOD = '99.1.0-development'
const SICK = '99.2.0-development'
/** An agent that dies at each start. */
const SICK_AGENT = {
  'etc/systemd/system/holdfast-agent.service.d/sick.conf': '[Service]\nExecStart=\nExecStart=/bin/false\n',
}
/** `--well-within`, and what is around it. */
const TRIAL_MS_MAX = 480_000

let stick: string
let disk: Disk
let machine: Machine
let anna: Browser
let begun = performance.now()

/** With the time since the last one. */
function took(what: string): void {
  console.log(`${what}: ${Math.round((performance.now() - begun) / 1000)} s`)
  begun = performance.now()
}

beforeAll(() => {
  stick = stickWith(board, { [GOOD]: {}, [SICK]: SICK_AGENT })
  disk = newDisk(board)
  took('two bundles')
})
afterAll(async () => {
  await machine?.kill()
  if (process.env['KEEP'] === undefined) disk?.remove()
})

/** Not there while the box is on its way down, or up. */
const status = () =>
  anna.call('update status').then(
    (it) => (it.status === 200 ? it.json<UpdateStatus>() : undefined),
    () => undefined,
  )
const sees = (what: string, is: (now: UpdateStatus) => boolean) =>
  until(
    what,
    async () => {
      const now = await status()
      return now && is(now) ? now : undefined
    },
    BOOT_MS_MAX + TRIAL_MS_MAX,
    2_000,
  )

async function up(): Promise<RegExpExecArray> {
  const drive = `if=none,id=stick,format=raw,readonly=on,file=/made/${stick}`
  machine = await boot(disk, {}, ['-device', 'qemu-xhci', '-drive', drive, '-device', 'usb-storage,drive=stick'])
  const found = await banner(machine, 'any')
  took(`${found[2]} says its banner`)
  return found
}

async function logIn(): Promise<void> {
  anna = browser(machine.page.service)
  await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
}

/** As a technician does it, until the box goes down with it. */
async function installFromStick(version: string): Promise<void> {
  const talk: readonly (readonly [RegExp, string])[] = [
    [/Name \(or[^:]*\): $/, 'anna'],
    [/Password: $/, PASSWORD],
    [/Choice [^:]*: $/, '11'],
    [/u\) install a bundle from the stick[^]*Which \(Enter: none\): $/, 'u'],
    [/Which \(1-2, Enter: none\): $/, String([GOOD, SICK].indexOf(version) + 1)],
    [/start anew with it\? \(y\/n\) $/, 'y'],
  ]
  // Enter alone draws the banner anew, with the question behind it.
  machine.type('\r')
  for (const [asks, answer] of talk) {
    await machine.says(asks)
    machine.type(`${answer}\r`)
  }
  await machine.says(/the box starts anew with it|refused:|failed:/, BOOT_MS_MAX + TRIAL_MS_MAX)
  took(`${version} is installed`)
  await machine.goesOff()
  took('the box is down')
}

test('the version that left the factory is found to be well, and is the least from then on', {
  timeout: 4 * BOOT_MS_MAX,
}, async () => {
  const [, , version = ''] = await up()
  const [, code = ''] = await machine.says(/Claim code: (\S+)/)
  anna = browser(machine.page.service)
  await until('the page answers', async () => (await anna.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
  expect((await anna.claim(code)).status).toBe(200)
  const now = await sees('it is marked good', (it) => it.minimum !== null)
  took('the factory version is good')
  expect(now).toMatchObject({ version, job: null, minimum: { version, generation: 0 } })
  expect(now.slots.map((it) => [it.name, it.isBooted, it.isNext, it.isGood])).toEqual([
    ['A', true, true, true],
    ['B', false, false, true],
  ])
})

test('what is no bundle is refused, and says so', { timeout: 2 * BOOT_MS_MAX }, async () => {
  await anna.call('update take', { offset: 0, base64: Buffer.alloc(5_000, 'no bundle').toString('base64') })
  await anna.call('update install', { from: { taken: true } })
  const now = await sees('it is over', (it) => it.job === null && it.last !== null)
  expect(now.last).toMatchObject({ outcome: 'refused' })
})

test('a good version from a stick starts in the other slot, and stays', {
  timeout: 6 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
}, async () => {
  await installFromStick(GOOD)
  const [, , version] = await up()
  expect(version).toBe(GOOD)
  await logIn()
  const now = await sees('the trial is over', (it) => it.job === null)
  took('the good version stays')
  expect(now).toMatchObject({ version: GOOD, last: { outcome: 'good', version: GOOD }, minimum: { version: GOOD } })
  expect(now.slots.find((it) => it.name === 'B')).toMatchObject({ isBooted: true, isNext: true, isGood: true, version: GOOD })
})

test('one whose agent dies at each start is given up by itself: the version before runs again, and says why', {
  timeout: 8 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  await installFromStick(SICK)
  const [, , version] = await up()
  expect(version).toBe(SICK)
  await machine.goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
  took('the sick version gave up')
  const [, , after] = await up()
  expect(after).toBe(GOOD)
  await logIn()
  const now = await sees('it is over', (it) => it.job === null)
  expect(now.last).toMatchObject({ outcome: 'fell-back', version: SICK, text: expect.stringContaining('agent') })
  expect(now.minimum).toMatchObject({ version: GOOD })
  await machine.off()
  expect(bootEnvironment(disk)).toMatchObject({ A_OK: '0', A_GOOD: '0', B_OK: '1', B_GOOD: '1' })
})
