// Whoever has the serial line or a keyboard gets no menu of the boot loader, no editor, no shell and no SysRq: while a box starts, and afterwards.
// What the firmware shows before it gives the machine to the boot loader is the board's: the board's guide says what to set there. Where that is done (a
// firmware with a prompt), keys are typed from power-on on.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { banner } from './banner.ts'
import { promptOf } from './firmware.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
/** What says that somebody is somewhere where nobody should be. */
const INSIDE =
  /grub(?: rescue)?>|GNU GRUB|minimal bash|\(initramfs\)|for maintenance|emergency mode|root@|sulogin|uid=\d|sysrq: (?!This)|\n=> |stop autoboot/i
/** Of the boot loader's menu, its editor and its prompt, of an init that is interrupted, of programs that are stopped or put aside. */
const TYPED = ['\u001b', 'e', 'c', '\t', ' ', '\u0003', '\u001a', '\u001c']
/** Crash, kill all, and what a terminal's other screens are. */
const PRESSED = ['esc', 'e', 'c', 'alt-sysrq-c', 'alt-sysrq-e', 'ctrl-c', 'alt-f2', 'alt-f9']
/** Until the kernel begins its init, which takes SysRq away, Debian's kernel would restart by it: as by the power switch, with nothing shown or run. */
const RESTART = 'alt-sysrq-b'
const EACH_MS = 400

let disk: Disk
let machine: Machine

beforeAll(async () => {
  disk = newDisk(board)
  machine = await boot(disk)
}, 2 * BOOT_MS_MAX)
afterAll(async () => {
  await machine?.kill()
  if (process.env['KEEP'] === undefined) disk?.remove()
})

test('from the boot loader on, or from power-on, no key that is typed or pressed stops a start or leads anywhere', async () => {
  await machine.says(promptOf(board) ? /\S/ : /starting Boot|Welcome to GRUB|Loading/)
  let pressed = 0
  let isUp = false
  const failed: unknown[] = []
  async function typeAll(): Promise<void> {
    for (let n = 0; !isUp; n++) {
      machine.type(TYPED[n % TYPED.length] as string)
      await machine.press(PRESSED[n % PRESSED.length] as string)
      pressed++
      await new Promise((resolve) => setTimeout(resolve, EACH_MS))
    }
  }
  const typing = typeAll().catch((error: unknown) => failed.push(error))
  await machine.says(/HOLDFAST/).finally(() => (isUp = true))
  await typing
  expect(failed).toEqual([])
  expect(pressed).toBeGreaterThan(30)
  console.log(`${pressed} keys while it started`)
  expect(machine.serial()).not.toMatch(INSIDE)
})

test('at the menu that the serial line has then, nothing that is typed runs a program', async () => {
  for (const it of [
    '\u0003',
    '\u001a',
    '\u001c',
    '\u0004',
    '!sh\r',
    '`id`\r',
    '$(id)\r',
    ';id\r',
    'id\r',
    '../../bin/sh\r',
    '\u001b[A\r',
  ]) {
    machine.type(it)
    await new Promise((resolve) => setTimeout(resolve, EACH_MS))
  }
  for (const it of [...PRESSED, RESTART]) await machine.press(it)
  await banner(machine, 'any')
  // It is drawn anew: the menu is there, and takes what is typed.
  const drawn = () => machine.serial().split('HOLDFAST').length
  const before = drawn()
  const afterEnter = () => {
    machine.type('\r')
    return drawn()
  }
  await expect.poll(afterEnter, { timeout: BOOT_MS_MAX, interval: 5_000 }).toBeGreaterThan(before)
  expect(machine.serial()).not.toMatch(INSIDE)
})
