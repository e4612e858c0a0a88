// Wi-Fi and modems as the kernel and ModemManager say them; what nobody knows is not made up.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { modemsNow, wifiNow } from '../../src/machine/radio.ts'

const WIRELESS = `Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   56.  -54.  -256        0      0      0      0     12        0
`
const MODEM = {
  modem: {
    '3gpp': { 'operator-name': 'Telekom.de', 'registration-state': 'home' },
    generic: {
      state: 'connected',
      ports: ['cdc-wdm0 (qmi)', 'ttyUSB2 (at)', 'wwan0 (net)'],
      'signal-quality': { recent: 'yes', value: '67' },
    },
  },
}
const LOCKED = { modem: { '3gpp': { 'operator-name': '--' }, generic: { state: 'locked', ports: ['wwan1 (net)'] } } }

test('Wi-Fi has its quality; a port without a radio has nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-radio-'))
  for (const it of ['eth0', 'wlan0/wireless', 'wlan1/wireless']) mkdirSync(join(dir, it), { recursive: true })
  writeFileSync(join(dir, 'wireless'), WIRELESS)
  const found = wifiNow(['eth0', 'wlan0', 'wlan1'], dir, join(dir, 'wireless'))
  expect(Object.fromEntries(found)).toEqual({
    wlan0: { kind: 'wifi', state: null, network: null, signal: 0.8 },
    wlan1: { kind: 'wifi', state: null, network: null, signal: null },
  })
  expect(wifiNow(['wlan0'], dir, join(dir, 'none')).get('wlan0')?.signal).toBeNull()
  rmSync(dir, { recursive: true })
})

test('a modem has its network, its state and its signal, at the interface that it is', async () => {
  const answers: Record<string, unknown> = { '-L': { 'modem-list': ['/m/0', '/m/1'] }, '/m/0': MODEM, '/m/1': LOCKED }
  const programs = {
    has: () => true,
    run: async (_: string, args: readonly string[]) => {
      const [verb, path] = args.filter((it) => !it.startsWith('--'))
      return JSON.stringify(answers[verb === '-L' ? '-L' : (path as string)])
    },
  }
  expect(Object.fromEntries(await modemsNow(programs))).toEqual({
    wwan0: { kind: 'modem', state: 'connected', network: 'Telekom.de', signal: 0.67 },
    wwan1: { kind: 'modem', state: 'locked', network: null, signal: null },
  })
  expect((await modemsNow({ ...programs, run: async () => 'no manager' })).size).toBe(0)
  expect((await modemsNow({ ...programs, has: () => false })).size).toBe(0)
})
