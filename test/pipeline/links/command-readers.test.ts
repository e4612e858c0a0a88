// A reader of commands lives as long as the link that it was opened over.
import { expect, test } from 'vitest'
import type { Route } from '../../../src/core/admission.ts'
import type { UplinkSettings } from '../../../src/core/settings.ts'
import { uplinkAdmission } from '../../../src/pipeline/links/admission.ts'
import { commandReaders } from '../../../src/pipeline/links/command-readers.ts'
import { openLinks } from '../../../src/pipeline/links/links.ts'

/** Two links, the first with a budget; `addresses`: those that are up. */
function box(addresses: Map<string, string>) {
  const links = [
    { interface: 'eth1', classes: 'all', budget: { bytes: 1_000_000, per: 'day', zone: 'UTC' } },
    { interface: 'wwan0', classes: ['alarm'] },
  ]
  // Commands are read outside of windows too.
  const windows = [{ at: '22:00-06:00', zone: 'UTC', classes: 'all' }]
  const uplink = { name: 'cloud', links, windows } as unknown as UplinkSettings
  const now = () => Date.parse('2026-11-30T12:00:00Z') * 1000
  const ways = openLinks([uplink], {
    address: (name) => addresses.get(name),
    counter: () => undefined,
    boot: 'b',
    now,
    monotonic: () => 0,
    saved: [],
    save: async () => {},
  })
  const admission = uplinkAdmission({ uplink, classes: ['alarm', 'process'], serves: () => true, links: ways, now })
  const open: (Route | undefined)[] = []
  const readers = commandReaders({
    way: () => admission.testRoute(),
    open: async (_, __, route) => {
      open.push(route)
      return { next: () => new Promise(() => {}), close: () => void open.splice(open.indexOf(route), 1) }
    },
  })
  return { readers, open, ways }
}

test('it is closed when its link goes, has another address, or has spent its budget; the next one takes what is left', async () => {
  const addresses = new Map([
    ['eth1', '10.0.0.2'],
    ['wwan0', '10.9.0.2'],
  ])
  const { readers, open, ways } = box(addresses)
  const on = (link: string) => [{ link, localAddress: addresses.get(link) }]
  const openAnew = async (link: string) => {
    readers.look()
    expect(open).toEqual([])
    await readers.open('cloud', undefined)
    readers.look()
    expect(open).toEqual(on(link))
  }
  await openAnew('eth1')
  addresses.set('eth1', '10.0.0.7')
  await openAnew('eth1')
  addresses.delete('eth1')
  await openAnew('wwan0')
  // The first of the list is back.
  addresses.set('eth1', '10.0.0.7')
  await openAnew('eth1')
  const grant = await ways.reserve({ link: 'eth1', localAddress: '10.0.0.7' }, 800_000)
  grant?.spent(890_000)
  await openAnew('wwan0')
  addresses.delete('wwan0')
  readers.look()
  expect(open).toEqual([])
  await expect(readers.open('cloud', undefined)).rejects.toMatchObject({ name: 'Unreachable', code: 'budget' })
  addresses.delete('eth1')
  await expect(readers.open('cloud', undefined)).rejects.toMatchObject({ name: 'Unreachable', code: 'link' })
  expect(open).toEqual([])
})
