// A board whose firmware has a prompt, set as its guide says: whoever has the serial line or a keyboard gets none, from power-on until the boot loader runs,
// and none where nothing can be started. Boards without such a prompt have nothing to show here.
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../route/until.ts'
import { promptOf } from './firmware.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, destroy, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const open = promptOf(board)
/** What stops a firmware on its way, its menu, the network in its stead. */
const TYPED = ['\u0003', '\u001b', ' ', '\r', '\u0003', 'q', '\u0004', '\u0003', '\t', '\u001a']
const EACH_MS = 40
const STARTS = 3

let disk: Disk
let machine: Machine
afterEach(async () => {
  await machine?.kill()
  disk?.remove()
})

/** From power-on until `isOver`; how many keys that were. */
async function typeUntil(what: string, isOver: () => boolean): Promise<number> {
  let typed = 0
  const typeOne = () => {
    machine.type(TYPED[typed++ % TYPED.length] as string)
    return isOver()
  }
  await until(what, typeOne, BOOT_MS_MAX, EACH_MS)
  return typed
}

/** A prompt, or what comes of one. */
const expectNone = (prompt: string) => {
  expect(machine.serial()).not.toContain(`\n${prompt}`)
  expect(machine.serial()).not.toMatch(/Hit any key|INTERRUPT|Unknown command/)
}

describe.skipIf(!open)('from power-on', () => {
  const prompt = open?.prompt ?? ''

  test('no key that is typed leads to the prompt, and the boot loader gets the machine', async () => {
    disk = newDisk(board)
    for (let n = 0; n < STARTS; n++) {
      machine = await boot(disk)
      const typed = await typeUntil('the boot loader has it', () => /Booting: /.test(machine.serial()))
      expect(typed).toBeGreaterThan(30)
      console.log(`${typed} keys`)
      expectNone(prompt)
      await machine.kill()
    }
  })

  test('nor does a disk that nothing can be started from: it starts anew', async () => {
    disk = newDisk(board)
    destroy(disk, 'esp')
    machine = await boot(disk)
    const typed = await typeUntil('it starts anew', machine.isOff)
    console.log(`${typed} keys`)
    expect(machine.serial()).toContain('resetting')
    expectNone(prompt)
  })

  test('nor is anything started from the network', async () => {
    expect(machine.serial()).not.toMatch(/BOOTP|DHCP|TFTP/)
  })
})
