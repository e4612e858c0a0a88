// Zones of ports: by their place until somebody sets them, and never the world's by accident.
import { expect, test } from 'vitest'
import { networkText, nftText, zonesOf } from '../../src/machine/zones.ts'

const wired = (name: string) => ({ name, isBuiltIn: true, isWireless: false })
const short = (...found: ReturnType<typeof zonesOf>) => found.map((it) => `${it.name} ${it.zone}`)

test('the first leads out, the last is for service, those between are the plant; by number, not by letter', () => {
  expect(short(...zonesOf(['eth10', 'eth2', 'eth0', 'eth1'].map(wired), []))).toEqual([
    'eth0 uplink',
    'eth1 plant',
    'eth2 plant',
    'eth10 service',
  ])
  expect(short(...zonesOf([wired('eth1'), wired('eth0')], []))).toEqual(['eth0 uplink', 'eth1 service'])
})

test('a box with one port is reached on it: by an address that others give, and by its own', () => {
  const [port, ...more] = zonesOf([wired('eth0')], [])
  expect(more).toEqual([])
  expect(port).toMatchObject({ zone: 'service', isOnly: true })
  const text = networkText(port as NonNullable<typeof port>)
  expect(text).toContain('DHCP=yes\nAddress=192.168.77.1/24')
  expect(text).not.toContain('DHCPServer')
})

test('what somebody set stands; the others keep their place', () => {
  const set = [{ interface: 'eth0', zone: 'service' as const, address: '10.0.0.1/24' }]
  const found = zonesOf(['eth0', 'eth1', 'eth2'].map(wired), set)
  expect(short(...found)).toEqual(['eth0 service', 'eth1 uplink', 'eth2 plant'])
  expect(found.map((it) => it.isByPlace)).toEqual([false, true, true])
})

test('what is plugged in, and what has no wire, is in no zone until somebody puts it in one', () => {
  const seen = [
    wired('eth0'),
    wired('eth1'),
    { name: 'usb0', isBuiltIn: false, isWireless: false },
    { name: 'wlan0', isBuiltIn: true, isWireless: true },
  ]
  expect(short(...zonesOf(seen, []))).toEqual(['eth0 uplink', 'eth1 service'])
  const set = [{ interface: 'wlan0', zone: 'uplink' as const, address: 'dhcp' }]
  expect(short(...zonesOf(seen, set))).toContain('wlan0 uplink')
})

test('zones become sets of nftables: those that are empty are emptied', () => {
  expect(nftText(zonesOf([wired('eth0'), wired('eth1')], []))).toBe(
    [
      'flush set inet holdfast plant',
      'flush set inet holdfast uplink',
      'add element inet holdfast uplink { "eth0" }',
      'flush set inet holdfast service',
      'add element inet holdfast service { "eth1" }',
      'flush set inet holdfast open',
      '',
    ].join('\n'),
  )
})

test('only the service port gives out addresses, and neither a way nor names to the world', () => {
  const texts = zonesOf(['eth0', 'eth1', 'eth2'].map(wired), []).map(networkText)
  expect(texts.map((it) => it.includes('DHCPServer=yes'))).toEqual([false, false, true])
  expect(texts[2]).toContain('EmitRouter=no\nEmitDNS=no')
  expect(texts[1]).toContain('LinkLocalAddressing=no')
})
