// What becomes of a change of addresses when the system does not do as it is told: with an ip command that can be made to fail. Needs no root.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Network } from '../../src/machine/host/network/change.ts'
import { createNetwork } from '../../src/machine/host/network/change.ts'
import { until } from '../route/until.ts'

const BEFORE = '10.77.0.2/24'
const NEW = { interface: 'pa', address: '10.88.0.5/24' }

let dir: string
let network: Network
let ports: Map<string, Set<string>>
/** Words of ip that fail. */
let fails: string | undefined

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-change-'))
  ports = new Map([
    ['pa', new Set([BEFORE])],
    ['pb', new Set()],
  ])
  fails = undefined
  network = createNetwork({
    programs: { has: () => true, hasSystemd: false, run: async (_, args) => ip(args) },
    dir: join(dir, 'state'),
    filesDir: join(dir, 'network'),
    by: 'ip',
    bootId: 'this-boot',
    uptimeMs: () => performance.now(),
    said: () => undefined,
  })
  await network.start()
})
afterEach(() => {
  network.close()
  rmSync(dir, { recursive: true, force: true })
})

/** As much of ip as is asked of it: links with their addresses, no routes. */
function ip(args: readonly string[]): string {
  const words = args.join(' ')
  if (fails !== undefined && words.startsWith(fails)) throw new Error(`ip ${words}: fails`)
  if (words.includes('route')) return '[]'
  if (words === '-j address show')
    return JSON.stringify(
      [...ports].map(([ifname, all]) => ({
        ifname,
        operstate: 'UP',
        flags: ['UP'],
        addr_info: [...all].map((it) => ({ local: it.split('/')[0], prefixlen: Number(it.split('/')[1]), scope: 'global' })),
      })),
    )
  const addresses = ports.get(args[args.indexOf('dev') + 1] as string)
  if (!addresses) throw new Error(`ip ${words}: cannot find the device`)
  if (words.startsWith('address flush')) addresses.clear()
  if (words.startsWith('address replace')) addresses.add(args[2] as string)
  return ''
}

const addresses = () => [...(ports.get('pa') ?? [])]
const pending = async () => (await network.show()).pending

test('a change that could not be taken back when somebody asked is taken back when its time is over', async () => {
  await network.apply({ ports: [NEW], confirmWithinMs: 500, by: 'anna' })
  fails = 'address flush'
  await expect(network.revert()).rejects.toThrow('fails')
  expect(await pending()).not.toBeNull()
  fails = undefined
  await until('the address is back', () => addresses().join() === BEFORE, 10_000)
  expect(await pending()).toBeNull()
})

test('a port that was unplugged meanwhile does not hold the others up', async () => {
  await network.apply({ ports: [NEW, { interface: 'pb', address: '10.99.0.5/24' }], confirmWithinMs: 600_000, by: 'anna' })
  ports.delete('pb')
  expect((await network.revert()).pending).toBeNull()
  expect(addresses()).toEqual([BEFORE])
})

test('who sets an address alone leaves the port in its zone: a plant router must not become the way out', async () => {
  await network.apply({ ports: [{ ...NEW, zone: 'plant' }], confirmWithinMs: 600_000, by: 'anna' })
  await network.confirm()
  await network.apply({ ports: [{ ...NEW, address: '10.88.0.6/24' }], confirmWithinMs: 600_000, by: 'anna' })
  expect((await network.confirm()).ports).toEqual([{ ...NEW, address: '10.88.0.6/24', zone: 'plant' }])
  expect(readFileSync(join(dir, 'network', '10-holdfast-pa.network'), 'utf8')).toContain('zone plant')
})
