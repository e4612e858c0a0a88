// Serial ports that are not to be had: the console, whatever name it is asked for by.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLines } from '../../../src/sources/modbus/lines.ts'
import { createModbusRtu } from '../../../src/sources/modbus/protocols.ts'
import { consoleNames } from '../../../src/sources/modbus/serial.ts'
import { modbusRtuSettings } from '../../../src/sources/modbus/settings.ts'
import { contextOf, start, stepsOf, until } from './help.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-serial-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** A box whose console is a device that is there on every Linux. */
async function rtuOf(files: Readonly<Record<string, string>>) {
  const proc = join(dir, 'proc')
  await mkdir(proc)
  for (const [name, text] of Object.entries(files)) await writeFile(join(proc, name), text)
  return createModbusRtu(createLines(), proc)
}

const settingsOf = (path: string) =>
  modbusRtuSettings.parse({ path, every: '100ms', tags: [{ tag: 'a', register: 'coil:0', class: 'c' }] })

describe('the console of the box', () => {
  test('of what the kernel says and was told', () => {
    const consoles = 'ttyS0                -W- (EC  p a)    4:64\ntty0                 -WU (E   p  )    4:7\n'
    expect(consoleNames(consoles, 'quiet console=ttyAMA0,115200n8 root=/dev/mmcblk0p2 console=tty1 netconsole=x\n')).toEqual([
      'ttyS0',
      'tty0',
      'ttyAMA0',
      'tty1',
    ])
    expect(consoleNames('', 'noconsole=ttyS7')).toEqual([])
  })

  test.each([
    ['in use', { consoles: 'ptmx                 -W- (EC  p a)    4:64\n', cmdline: '' }],
    ['told', { consoles: '', cmdline: 'console=ptmx,9600 quiet\n' }],
  ])('%s: is refused, by any name, with what to do', async (_, files) => {
    const path = join(dir, 'by-id')
    await symlink('/dev/ptmx', path)
    const rtu = await rtuOf(files)
    const steps = await stepsOf(rtu.test(settingsOf(path), contextOf('console'), new AbortController().signal))
    expect(steps.at(-1)).toEqual({
      step: 'connect',
      ok: false,
      detail: `${path} is the console of this box`,
      remedy: expect.stringMatching(/another port/),
    })
    const reading = start(rtu.open(settingsOf('/dev/ptmx'), contextOf('console')))
    await until('refused', () => reading.source.status().code === 'console')
    await reading.stop()
  })

  test('another device is not', async () => {
    const rtu = await rtuOf({ consoles: 'ttyS0                -W- (EC  p a)    4:64\n', cmdline: 'console=ttyS0' })
    const steps = await stepsOf(rtu.test(settingsOf('/dev/null'), contextOf('other'), new AbortController().signal))
    expect(steps.at(-1)?.detail).not.toMatch(/console/)
  })
})
