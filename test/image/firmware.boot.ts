// A board whose firmware has a prompt, set as its guide says: whoever has the serial line or a keyboard gets none, from power-on until the boot loader runs,
// and none where nothing can be started. Boards without such a prompt have nothing to show here.
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../route/until.ts'
import { promptOf } from './firmware.ts'
import type { Disk } from './machine.ts'
import { boot, destroy, newDisk } from './machine.ts'
import type { Qemu } from './qemu.ts'
import { qemu } from './qemu.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const open = promptOf(board)
/** What stops a firmware on its way, its menu, the network in its stead. */
const TYPED = ['\u0003', '\u001b', ' ', '\r', '\u0003', 'q', '\u0004', '\u0003', '\t', '\u001a']
const EACH_MS = 20
const STARTS = 3

let disk: Disk
let machine: Qemu
beforeEach(() => {
  disk = newDisk(board)
})
afterEach(async () => {
  await machine?.kill()
  disk.remove()
})

const isAtPrompt = () => machine.serial().includes(`\n${open?.prompt}`)

/** From the first that the firmware says until `isOver`, or a prompt is there; how many keys that were. */
async function typeUntil(what: string, isOver: () => boolean): Promise<number> {
  await machine.says(/\S/)
  let typed = 0
  const typeOne = () => {
    machine.type(TYPED[typed++ % TYPED.length] as string)
    return isOver() || isAtPrompt()
  }
  await until(what, typeOne, BOOT_MS_MAX, EACH_MS)
  console.log(`${typed} keys until ${what}`)
  return typed
}

describe.skipIf(!open)('from power-on', () => {
  const expectNone = () => {
    expect(isAtPrompt()).toBe(false)
    expect(machine.serial()).not.toMatch(/stop autoboot|INTERRUPT|Unknown command/)
  }

  test('as the firmware comes, what is typed here leads to its prompt', async () => {
    machine = qemu(board, { name: disk.folder, path: dirname(disk.path) }, [])
    await typeUntil('the prompt', isAtPrompt)
  })

  test('set as the guide says, nothing that is typed does: the boot loader gets the machine', async () => {
    for (let n = 0; n < STARTS; n++) {
      machine = await boot(disk)
      expect(await typeUntil('the boot loader has the machine', () => /Booting: /.test(machine.serial()))).toBeGreaterThanOrEqual(
        TYPED.length,
      )
      expectNone()
      await machine.kill()
    }
  })

  test('nor does a disk that nothing can be started from: it starts anew, and asks nobody on the network', async () => {
    destroy(disk, 'esp')
    machine = await boot(disk)
    await typeUntil('it starts anew', machine.isOff)
    expectNone()
    expect(machine.serial()).toContain('resetting')
    expect(machine.serial()).not.toMatch(/BOOTP|DHCP|TFTP/)
  })
})
