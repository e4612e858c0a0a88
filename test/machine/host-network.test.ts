// Changes of addresses on real ports: not confirmed, they are taken back; whatever is killed in between. Needs root and iproute2.
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runHere } from '../commands/surroundings.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import type { HostSite } from './host-process.ts'
import { hostSite } from './host-process.ts'
import type { Namespace } from './namespace.ts'
import { canHaveNamespaces, namespace } from './namespace.ts'

const can = canHaveNamespaces()
if (!can) console.warn('SKIPPED: changes of addresses need root and iproute2')

const NEW = { interface: 'pa', address: '10.88.0.5/24', gateway: '10.88.0.1' }
const BEFORE = ['10.77.0.2/24']
const LONG_MS = 600_000

describe.skipIf(!can)('changes of addresses', () => {
  let net: Namespace
  let site: HostSite
  let helper: Child

  beforeEach(async () => {
    net = namespace()
    site = hostSite()
    helper = await site.start(net.inside)
  })
  afterEach(async () => {
    await helper?.kill()
    net?.close()
    site?.close()
  })

  const apply = (confirmWithinMs: number, port: object = NEW) =>
    site.host.networkApply({ ports: [port as typeof NEW], confirmWithinMs, by: 'anna' })
  const isBack = () =>
    net.addresses('pa').join() === BEFORE.join() && net.ip('route', 'show', 'default').includes('via 10.77.0.1')
  const file = () => join(site.networkDir, '10-holdfast-pa.network')

  test('nobody confirms: address, way out and file are as before', async () => {
    const now = await apply(1_500)
    expect(now.interfaces.find((it) => it.name === 'pa')).toMatchObject({ addresses: ['10.88.0.5/24'], gateway: '10.88.0.1' })
    expect(now.pending).toMatchObject({ by: 'anna', ports: [NEW] })
    expect(net.addresses('pa')).toEqual(['10.88.0.5/24'])
    expect(readFileSync(file(), 'utf8')).toContain('Address=10.88.0.5/24\nGateway=10.88.0.1\n')
    await until('the address is back', isBack, 30_000)
    expect(existsSync(file())).toBe(false)
    expect(await site.host.networkShow()).toMatchObject({ pending: null, ports: [] })
  })

  test('the time is kept where it goes on from at a start, and never put back', async () => {
    const kept = () => statSync(site.timeFile, { throwIfNoEntry: false })?.mtimeMs
    await helper.end()
    expect(kept()).toBeUndefined()
    const [before, later] = [Date.now() - LONG_MS, Date.now() + LONG_MS]
    writeFileSync(site.timeFile, '')
    for (const at of [before, later]) {
      utimesSync(site.timeFile, at / 1000, at / 1000)
      helper = await site.start(net.inside)
      await helper.end()
      expect(Math.abs((kept() ?? 0) - Math.max(at, Date.now()))).toBeLessThan(LONG_MS / 2)
    }
  })

  test('confirmed: it stays, over a kill and a new start', async () => {
    await apply(2_000)
    expect((await site.host.networkConfirm()).ports).toEqual([NEW])
    await helper.kill()
    helper = await site.start(net.inside)
    // Well past the time that it had.
    await waited(2_500)
    expect(net.addresses('pa')).toEqual(['10.88.0.5/24'])
    expect(net.ip('route', 'show', 'default')).toContain('via 10.88.0.1')
  })

  test('the helper is killed and comes again after the time: taken back at once', async () => {
    await apply(3_000)
    await helper.kill()
    await waited(3_200)
    expect(net.addresses('pa')).toEqual(['10.88.0.5/24'])
    helper = await site.start(net.inside)
    expect(isBack()).toBe(true)
  })

  test('the helper is killed and comes again in time: the clock goes on where it was', async () => {
    await apply(4_000)
    await helper.kill()
    helper = await site.start(net.inside)
    const { pending } = await site.host.networkShow()
    expect(pending?.revertsInMs ?? Infinity).toBeLessThan(4_000)
    await until('the address is back', isBack, 30_000)
  })

  test('a change of another boot is taken back: its files, and nothing in the kernel', async () => {
    await apply(LONG_MS)
    await helper.kill()
    const state = join(site.data, 'host', 'network.json')
    const text = readFileSync(state, 'utf8')
    writeFileSync(state, text.replace(/"bootId": "[^"]+"/, '"bootId": "of-another-boot"'))
    expect(readFileSync(state, 'utf8')).not.toBe(text)
    helper = await site.start(net.inside)
    expect(existsSync(file())).toBe(false)
    expect(await site.host.networkShow()).toMatchObject({ pending: null, ports: [] })
  })

  test('after a boot what was confirmed is laid again', async () => {
    await apply(LONG_MS)
    await site.host.networkConfirm()
    await helper.kill()
    net.ip('addr', 'flush', 'dev', 'pa')
    helper = await site.start(net.inside)
    expect(net.addresses('pa')).toEqual(['10.88.0.5/24'])
  })

  test('what cannot be laid is taken back at once, and said', async () => {
    await expect(apply(LONG_MS, { ...NEW, gateway: '10.99.0.1' })).rejects.toThrow(/gateway/)
    expect(isBack()).toBe(true)
    expect((await site.host.networkShow()).pending).toBeNull()
  })

  test('by commands: set, shown with what is left, confirmed; taken back', async () => {
    const run = (words: string) => runHere(`${words} --data ${site.data}`, { connectHost: async () => site.host })
    const set = await run('network set pa 10.88.0.5/24 --gateway 10.88.0.1 --within 10m')
    expect(set).toMatchObject({ status: 0, out: expect.stringMatching(/pa +up +10\.88\.0\.5\/24 +10\.88\.0\.1/) })
    expect((await run('network show')).out).toContain('a change of pa by cli is taken back in')
    expect((await run('network revert')).out).not.toContain('is taken back in')
    expect(isBack()).toBe(true)
    await run('network set pa 10.88.0.5/24 --open 8460')
    expect(await run('network confirm')).toMatchObject({ status: 0, out: expect.stringContaining('open on pa: TCP 8460\n') })
    expect(JSON.parse((await run('network show --json')).out)).toMatchObject({ pending: null, ports: [{ interface: 'pa' }] })
    expect((await run('network set pa 10.88.0.5')).status).toBe(2)
  })

  test('what is open stays while an address alone is set, and is closed by saying so; ports of the system are refused', async () => {
    await apply(LONG_MS, { ...NEW, open: [8460] })
    expect((await site.host.networkConfirm()).ports).toEqual([{ ...NEW, open: [8460] }])
    await apply(LONG_MS, { ...NEW, address: '10.88.0.6/24' })
    expect((await site.host.networkConfirm()).ports).toEqual([{ ...NEW, address: '10.88.0.6/24', open: [8460] }])
    await apply(LONG_MS, { ...NEW, open: [] })
    expect((await site.host.networkConfirm()).ports).toEqual([{ ...NEW, open: [] }])
    for (const open of [[22], [443], [8460, 8460], [70_000], [8460.5]])
      await expect(apply(LONG_MS, { ...NEW, open })).rejects.toThrow('must be TCP ports from 1024')
  })

  test('one change at a time; what is not there, what is no address and dhcp without networkd are refused', async () => {
    await expect(apply(LONG_MS, { ...NEW, interface: 'px' })).rejects.toThrow('px: there is no such network interface')
    await expect(apply(LONG_MS, { interface: 'pa', address: 'dhcp' })).rejects.toThrow('systemd-networkd')
    for (const address of ['10.88.0.5', '10.88.0.5/33', '10.88.0.5/24 dev lo', '-4', ''])
      await expect(apply(LONG_MS, { interface: 'pa', address }), address).rejects.toThrow('must be dhcp, or an address')
    for (const name of ['lo', '../../etc/x', '-batch', 'a b'])
      await expect(apply(LONG_MS, { ...NEW, interface: name }), name).rejects.toThrow('networkApply.ports')
    expect(isBack()).toBe(true)
    await apply(LONG_MS)
    await expect(apply(LONG_MS)).rejects.toThrow('a change by anna waits')
    await site.host.networkRevert()
    expect(isBack()).toBe(true)
    await expect(site.host.networkConfirm()).rejects.toThrow('no change waits')
  })
})

async function waited(ms: number): Promise<true> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return true
}
