import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'

const entry = { topic: 'plant/{line}/{sensor}', tag: 'hall-1/{line}/{sensor}', class: 'process' }
const secured = { url: 'mqtts://10.20.1.60:8883', user: 'gateway', password: { secret: 'hall' }, subscribe: [entry] }
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

function problems(settings: object): string[] {
  const { error } = mqttSettings.safeParse(settings)
  return (error?.issues ?? []).map((it) => `${it.path.join('.')}: ${it.message}`)
}
const withEntry = (changed: object) => problems({ ...secured, subscribe: [{ ...entry, ...changed }] })

test('the example of the manual, defaults filled in', () => {
  expect(mqttSettings.parse(secured)).toEqual({
    ...secured,
    version: '3.1.1',
    keepAlive: 30_000,
    packetBytesMax: 16_000_000,
    subscribe: [{ ...entry, qos: 1, retained: 'take' }],
  })
})

test('all keys', () => {
  const all = {
    ...secured,
    tls: { ca: PEM, cert: { secret: 'c' }, key: { secret: 'k' }, serverName: 'broker.plant' },
    clientId: 'box-7',
    version: 5,
    keepAlive: '45s',
    subscribe: [
      { ...entry, qos: 0, value: 'data.v', time: 'ts', quality: 'q', items: '$', type: 'long', unit: '°C', tag: '{line}/{$.id}' },
    ],
  }
  expect(problems(all)).toEqual([])
})

describe('refused, with what is wrong and where', () => {
  test.each([
    ['a plain link without a reason', { ...secured, url: 'mqtt://h' }, /^url: nothing would be encrypted: .*insecure/],
    ['nobody that the broker could know', { ...secured, user: undefined, password: undefined }, /^user: .*insecure/],
    ['a password without its user', { ...secured, user: undefined, insecure: 'lab' }, /^user: a password needs its user/],
    ['a user in the url', { ...secured, url: 'mqtts://a:b@h' }, /^url: must be mqtt:\/\/HOST.*own keys/],
    ['another protocol', { ...secured, url: 'ws://h' }, /^url: must be mqtt/],
    ['tls without encryption', { ...secured, url: 'mqtt://h', insecure: 'lab', tls: {} }, /^tls: only an mqtts/],
    ['a certificate without its key', { ...secured, tls: { cert: PEM } }, /^tls\.key: cert and key go together/],
    ['a file name for a certificate', { ...secured, tls: { ca: '/etc/ca.pem' } }, /^tls\.ca: must be the PEM text itself/],
    ['an unknown version', { ...secured, version: '3.1' }, /^version: must be 3\.1\.1 or 5/],
    ['a keep alive without unit', { ...secured, keepAlive: '30' }, /^keepAlive: must be a duration/],
    ['a keep alive of a day', { ...secured, keepAlive: '1d' }, /^keepAlive: must be from 2s to/],
    ['an unknown key', { ...secured, usr: 'x' }, /usr/],
    ['a packet without unit', { ...secured, packetBytesMax: '5' }, /^packetBytesMax: must be a size/],
    ['a packet too large', { ...secured, packetBytesMax: '1GB' }, /^packetBytesMax: must be from 1kB to 64MB/],
    ['no topic', { ...secured, subscribe: [] }, /^subscribe: /],
  ])('%s', (_what, settings, expected) => {
    expect(problems(settings)).toEqual([expect.stringMatching(expected)])
  })

  test.each([
    [{ qos: 2 }, /^subscribe\.0\.qos: must be 0 or 1: with 1 each message is acknowledged once it is on disk/],
    [{ topic: 'a/#/b', tag: 't' }, /# stands for all that follows/],
    [{ topic: 'a/b+', tag: 't' }, /stand for whole levels/],
    [{ topic: 'a/s-{id}', tag: 't' }, /\{name\} stands for a whole level/],
    [{ topic: '{a}/{a}', tag: 't' }, /\{a\} stands there twice/],
    [{ topic: '$share/g', tag: 't' }, /a shared topic is written \$share\/GROUP\/topic/],
    [{ topic: '$share/{g}/a', tag: 't' }, /a shared topic is written/],
    [{ retained: 'drop' }, /^subscribe\.0\.retained: must be take or skip/],
    [{ tag: '{other}/x' }, /^subscribe\.0\.tag: \{other\} is no level that the topic captures/],
    [{ tag: 'x/{$}' }, /a field is named as \{\$\.path\}/],
    [{ tag: 'x}' }, /stands alone/],
    [{ value: 'a..b' }, /^subscribe\.0\.value: must be a path/],
    [{ type: 'float' }, /type/],
    [{ class: undefined }, /class/],
  ])('%j', (changed, expected) => {
    expect(withEntry(changed)).toEqual([expect.stringMatching(expected)])
  })
})

test('shared topics: one group, and nothing beside it', () => {
  const shared = { ...entry, topic: '$share/boxes/plant/{line}/{sensor}' }
  expect(problems({ ...secured, subscribe: [shared, { ...shared, topic: '$share/boxes/other/{line}/{sensor}' }] })).toEqual([])
  expect(problems({ ...secured, subscribe: [shared, entry] })).toEqual([
    expect.stringMatching(/^subscribe: all topics .* one group/),
  ])
})

test('insecure, with its reason, is taken', () => {
  expect(problems({ url: 'mqtt://h:1883', insecure: 'own network', subscribe: [entry] })).toEqual([])
  expect(problems({ url: 'mqtts://[fd00::1]:8883', insecure: 'own network', subscribe: [entry] })).toEqual([])
})

test('the example of its page', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../src/sources/mqtt/README.md'), 'utf8')
  const { sources } = parse(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as { sources: [Record<string, unknown>] }
  const { name: _name, protocol, ...settings } = sources[0]
  expect(protocol).toBe('mqtt')
  expect(problems(settings)).toEqual([])
})
