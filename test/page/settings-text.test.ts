// Edits of the settings' text, as forms and the grid make them; and the words of both languages.
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { BadInput } from '../../src/core/errors.ts'
import { draftOf, entryFrom } from '../../src/page/entry-form/draft.ts'
import { freeName } from '../../src/page/settings-text/own-secret.ts'
import { draftOf as networkDraft, hasOwnValue } from '../../src/page/pages/network/views.ts'
import { draftsOf } from '../../src/page/pages/retention/draft.ts'
import { fleetDraft, withFleet } from '../../src/page/pages/fleet/draft.ts'
import { PROTOCOLS } from '../../src/page/pages/sources/form-spec.ts'
import { notifierSpec } from '../../src/page/pages/uplinks/notifier-spec.ts'
import type { UplinkDraft } from '../../src/page/pages/uplinks/draft.ts'
import { uplinkDraft, withUplink } from '../../src/page/pages/uplinks/draft.ts'
import { gridRows } from '../../src/page/pages/tags/grid-rows.ts'
import { withTimeServers } from '../../src/commands/clock-servers.ts'
import {
  classNames,
  entriesOf,
  entryOf,
  isTaken,
  putEntry,
  putValues,
  removeEntry,
} from '../../src/page/settings-text/entries.ts'
import type { PortText } from '../../src/page/settings-text/ports.ts'
import { portTexts } from '../../src/page/settings-text/ports.ts'
import { mergeTags, removeTags, tableIntoTags, tagLines, tagsAsCsv } from '../../src/page/settings-text/tags.ts'
import { backupDe } from '../../src/page/words/backup.de.ts'
import { backupEn } from '../../src/page/words/backup.en.ts'
import { de } from '../../src/page/words/de.ts'
import { en } from '../../src/page/words/en.ts'
import { moreDe } from '../../src/page/words/more.de.ts'
import { moreEn } from '../../src/page/words/more.en.ts'
import { networkDe } from '../../src/page/words/network.de.ts'
import { networkEn } from '../../src/page/words/network.en.ts'
import { notifyDe } from '../../src/page/words/notify.de.ts'
import { notifyEn } from '../../src/page/words/notify.en.ts'
import { sourcesDe } from '../../src/page/words/sources.de.ts'
import { sourcesEn } from '../../src/page/words/sources.en.ts'
import { updateDe } from '../../src/page/words/update.de.ts'
import { updateEn } from '../../src/page/words/update.en.ts'

const TEXT = `version: 1
# first is most valuable
classes:
  - { name: alarm } # never without
  - { name: process }
sources:
  # the old press
  - name: press-3
    protocol: modbus-tcp
    host: 10.20.1.40 # hall 1
    every: 1s
    tags:
      - { tag: press-3/temperature, register: "holding:100", type: float32, unit: "°C", class: process } # above the die
      - { tag: press-3/running, register: "coil:7", class: alarm }
`

describe('an entry', () => {
  test('that a form changes keeps its comments, its order and what the form does not know', () => {
    const spec = PROTOCOLS['modbus-tcp'] as (typeof PROTOCOLS)[string]
    const entry = { ...entryOf(TEXT, 'sources', 'press-3'), report: { every: '1h' } }
    const draft = draftOf(entry, spec, false)
    const made = entryFrom({ ...draft, values: { ...draft.values, every: '2s', port: '1502', timeout: '' } }, spec, entry, {})
    expect(made).toMatchObject({ every: '2s', port: 1502, report: { every: '1h' } })
    const text = putEntry(TEXT, 'sources', 'press-3', { ...entryOf(TEXT, 'sources', 'press-3'), every: '2s', port: 1502 })
    expect(text).toBe(TEXT.replace('every: 1s', 'every: 2s').trimEnd() + '\n    port: 1502\n')
  })

  test('of a notifier keeps its secrets, values of the box and comments, and an address becomes a secret and back', () => {
    const file = `version: 1
notify:
  # of the shift
  - name: shift
    on: { rules: [ hot, { var: rule } ] } # both
    webhook: { url: { secret: hook }, token: { secret: andon } }
`
    const spec = notifierSpec('webhook')
    const entry = entryOf(file, 'notify', 'shift') as Record<string, unknown>
    const draft = draftOf(entry, spec, false)
    expect(putEntry(file, 'notify', 'shift', entryFrom(draft, spec, entry, {}))).toBe(file)
    const open = { ...draft, values: { ...draft.values, 'webhook.url?': 'false', 'webhook.url': 'https://a.example/x' } }
    const made = entryFrom(open, spec, entry, {})
    expect(made['webhook']).toEqual({ url: 'https://a.example/x', token: { secret: 'andon' } })
    const kept = entryFrom(draftOf(made, spec, false), spec, made, {})
    expect(kept['webhook']).toEqual(made['webhook'])
    const hidden = { ...draftOf(made, spec, false).values, 'webhook.url?': 'true', 'webhook.url': '' }
    const again = entryFrom({ ...draft, values: hidden }, spec, made, { 'webhook.url': 'hook-2' })
    expect(again['webhook']).toEqual({ url: { secret: 'hook-2' }, token: { secret: 'andon' } })
    expect(again['on']).toEqual({ rules: ['hot', { var: 'rule' }] })
    const some = { ...draft, values: { ...draft.values, 'on.tags': 'hall 1/*,{ var: TAG } , press-3/alarm' } }
    expect(entryFrom(some, spec, entry, {})['on']).toMatchObject({ tags: ['hall 1/*', { var: 'TAG' }, 'press-3/alarm'] })
  })

  test.each(['mail', 'mqtt'] as const)(
    '%s: a password stays with a user that no field can show, and goes with one that is emptied',
    (kind) => {
      const [spec, user, password] = [notifierSpec(kind), { secret: 'who' }, { secret: 'of-who' }]
      const entry = { name: 'shift', [kind]: { user, password } }
      const draft = draftOf(entry, spec, false)
      expect(entryFrom(draft, spec, entry, {})).toEqual(entry)
      const typed = { ...draft, values: { ...draft.values, [`${kind}.user`]: 'box-1' } }
      const made = entryFrom(typed, spec, entry, {})
      expect(made[kind]).toEqual({ user: 'box-1', password })
      const plain = draftOf(made, spec, false)
      expect(entryFrom({ ...plain, values: {} }, spec, made, {})).not.toHaveProperty(kind)
    },
  )

  test('comes to a file that has none, and goes again', () => {
    const text = putEntry('version: 1\n', 'sources', undefined, { name: 'a', protocol: 'mqtt' })
    expect(entriesOf(text, 'sources')).toEqual([{ name: 'a', protocol: 'mqtt' }])
    expect([undefined, 'a'].map((before) => isTaken(text, 'sources', before, 'a'))).toEqual([true, false])
    expect(isTaken(text, 'sources', undefined, 'b')).toBe(false)
    expect(entriesOf(removeEntry(text, 'sources', 'a'), 'sources')).toEqual([])
    expect(classNames('version: 1\n')).toEqual(['default'])
    expect(classNames(TEXT)).toEqual(['alarm', 'process'])
    expect(putValues('version: 1\n', [[['device', 'site'], 'works 7']])).toBe('version: 1\ndevice:\n  site: works 7\n')
    // A key with nothing behind it.
    expect(putValues('update:\n', [[['update', 'server'], 'https://a']])).toBe('update:\n  server: https://a\n')
    expect(withTimeServers('time:\n', ['10.0.0.1'])).toBe('time:\n  servers: [ 10.0.0.1 ]\n')
  })
})

describe('a value of the box, { var: NAME }', () => {
  test('stands in the form of a source as in the file, stays, and can be typed', () => {
    const spec = PROTOCOLS['modbus-tcp'] as (typeof PROTOCOLS)[string]
    const entry = {
      name: 'press-3',
      protocol: 'modbus-tcp',
      host: { var: 'PRESS' },
      unit: 1,
      tags: [{ tag: 'a', register: { var: 'R' } }],
    }
    const draft = draftOf(entry, spec, false)
    expect(draft.values).toEqual({ host: '{ var: PRESS }', unit: '1' })
    expect(entryFrom(draft, spec, entry, {})).toEqual(entry)
    const typed = { ...draft, values: { host: '10.20.1.7', unit: '{ var: UNIT }' } }
    expect(entryFrom(typed, spec, entry, {})).toMatchObject({ host: '10.20.1.7', unit: { var: 'UNIT' } })
    expect(entryFrom({ ...draft, values: { unit: '1' } }, spec, entry, {})).not.toHaveProperty('host')
  })

  test.each(['brokers: ["k1:9093", { var: SECOND }]', 'brokers: { var: BROKERS }'])(
    'stays in an uplink that is edited elsewhere: %s',
    (brokers) => {
      const file = `version: 1
uplinks:
  - name: cloud
    kafka: { ${brokers}, tls: { ca: { var: CA } }, sasl: { mechanism: plain, user: { var: USER }, password: { secret: cloud } } }
    lanes: { liveShare: { var: SHARE } }
    links: [{ interface: { var: PORT }, classes: [{ var: CLASS }], bytesPerSecondMax: { var: RATE } }]
    windows: [{ at: { var: HOURS }, zone: { var: ZONE }, classes: all }]
`
      const draft = uplinkDraft(file, 'cloud') as UplinkDraft
      expect(JSON.stringify(draft)).not.toContain('[object')
      const entry = entryOf(withUplink(file, 'cloud', draft), 'uplinks', 'cloud')
      expect(entry).toEqual(entryOf(file, 'uplinks', 'cloud'))
      expect(entryOf(withUplink(file, 'cloud', { ...draft, user: '{ var: OTHER }' }), 'uplinks', 'cloud')).toEqual({
        ...entry,
        kafka: {
          ...(entry?.['kafka'] as object),
          sasl: { mechanism: 'plain', user: { var: 'OTHER' }, password: { secret: 'cloud' } },
        },
      })
    },
  )

  test('stands beside what a port has now, and makes of no ladder a picture', () => {
    const text =
      'network: { ports: [{ interface: eth0, zone: uplink, address: { var: OWN }, dns: [{ var: NAMES }, 10.0.0.1] }] }\n'
    const [said] = portTexts(text)
    expect(said).toMatchObject({ address: '{ var: OWN }', dns: '{ var: NAMES }, 10.0.0.1' })
    // Only the box knows it: none of it is typed for anybody, and none is sent as an address.
    const [port] = portTexts(text.replace('{ var: OWN }', '10.9.0.1/24')) as [PortText]
    expect([hasOwnValue(port), hasOwnValue({ ...port, dns: '10.0.0.1' })]).toEqual([true, false])
    expect(networkDraft({ name: 'eth0', now: undefined, standing: undefined, said: port })).toMatchObject({
      address: '10.9.0.1/24',
      dns: '',
    })
    expect(draftsOf('classes: [{ name: a, floor: { var: FLOOR } }]\n')).toBeUndefined()
    expect(draftsOf('classes: [{ name: a, floor: 1MB }]\n')).toMatchObject([{ floor: '1MB' }])
  })
})

describe('TLS in a form', () => {
  const CERT = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
  const spec = PROTOCOLS['sparkplug'] as (typeof PROTOCOLS)[string]
  const entry = {
    name: 'cells',
    protocol: 'sparkplug',
    url: 'mqtts://10.20.1.60',
    tls: { ca: { secret: 'plant-ca' }, cert: `${CERT}\n`, key: { secret: 'own' } },
    groups: ['hall-1', { var: 'GROUP' }],
    metrics: [{ match: '*', class: 'process' }],
  }
  const draft = draftOf(entry, spec, false)

  test('of a Sparkplug source is shown, and stays where nothing of it is changed', () => {
    expect(draft.values).toEqual({
      url: 'mqtts://10.20.1.60',
      'tls.ca': 'plant-ca',
      'tls.cert': `${CERT}\n`,
      groups: 'hall-1, { var: GROUP }',
    })
    expect(entryFrom(draft, spec, entry, {})).toEqual(entry)
    const typed = { ...draft, values: { ...draft.values, 'tls.ca': CERT, groups: 'a, b', host: 'scada-1' } }
    expect(entryFrom(typed, spec, entry, { 'tls.key': 'cells-key' })).toMatchObject({
      tls: { ca: `${CERT}\n`, cert: `${CERT}\n`, key: { secret: 'cells-key' } },
      groups: ['a', 'b'],
      host: 'scada-1',
    })
    expect(entryFrom({ ...draft, values: { ...draft.values, groups: '' } }, spec, entry, {})).not.toHaveProperty('groups')
  })

  test('goes from the settings where the broker is spoken to without, and the key with its certificate', () => {
    const plain = { ...draft, values: { ...draft.values, url: 'mqtt://10.20.1.60' } }
    expect(entryFrom(plain, spec, entry, {})).not.toHaveProperty('tls')
    const without = { ...draft, values: { ...draft.values, 'tls.cert': '' } }
    expect(entryFrom(without, spec, entry, {})['tls']).toEqual({ ca: { secret: 'plant-ca' } })
  })

  test('of an uplink to a broker does the same', () => {
    const file = `uplinks:
  - name: site
    mqtt:
      url: mqtts://10.20.1.60
      tls: { ca: { secret: plant-ca }, cert: { secret: own-cert }, key: { secret: own-key } } # since the audit
`
    const found = uplinkDraft(file, 'site') as UplinkDraft
    expect(found).toMatchObject({ ca: 'plant-ca', cert: 'own-cert', key: 'own-key' })
    const own = (changed: Partial<UplinkDraft>) => {
      const made = entryOf(withUplink(file, 'site', { ...found, ...changed }), 'uplinks', 'site')
      return made?.['mqtt'] as Record<string, unknown>
    }
    expect(own({})).toEqual(entryOf(file, 'uplinks', 'site')?.['mqtt'])
    expect(own({ cert: CERT, key: 'other' })['tls']).toMatchObject({ cert: `${CERT}\n`, key: { secret: 'other' } })
    expect(own({ cert: '' })['tls']).toEqual({ ca: { secret: 'plant-ca' } })
    expect(own({ url: 'mqtt://10.20.1.60' })).toEqual({ url: 'mqtt://10.20.1.60' })
  })
})

test('the update server is put in, changed with its comments, and taken out', () => {
  const none = fleetDraft('version: 1\n')
  expect(none).toMatchObject({ server: '', auth: 'target', windows: [] })
  expect(withFleet('version: 1\n', none)).toBe('version: 1\n')
  const wanted = { ...none, server: 'https://u.example ', token: 'update-token', windows: [{ at: '02:00-04:00', zone: '' }] }
  const made = withFleet('version: 1\n', wanted)
  expect(parse(made)).toEqual({
    version: 1,
    update: { server: 'https://u.example', token: { secret: 'update-token' }, windows: [{ at: '02:00-04:00' }] },
  })
  expect(fleetDraft(made)).toEqual({ ...wanted, server: 'https://u.example' })
  const file = 'update:\n  server: { var: SERVER } # of the works\n  tenant: north # ours\n  auth: gateway\n'
  const found = fleetDraft(file)
  expect(found).toMatchObject({ server: '{ var: SERVER }', tenant: 'north', auth: 'gateway' })
  expect(withFleet(file, found)).toBe(file)
  expect(withFleet(file, { ...found, tenant: 'south', auth: 'target' })).toBe(
    file.replace('north', 'south').replace('  auth: gateway\n', ''),
  )
  expect(withFleet(`version: 1\n${file}`, { ...found, server: '' })).toBe('version: 1\n')
})

describe('lines of tags', () => {
  test('are merged by name; a comment beside a line stays', () => {
    const text = mergeTags(TEXT, 'press-3', [{ tag: 'press-3/temperature', unit: 'K' }])
    expect(text).toBe(TEXT.replace('unit: "°C"', 'unit: "K"'))
  })

  test('come from a table and go into one that says the same', () => {
    const lines = tagLines(TEXT).map((it) => it.line)
    expect(tableIntoTags(TEXT, 'press-3', tagsAsCsv(lines), false)).toBe(TEXT)
    expect(() => tableIntoTags(TEXT, 'press-3', 'register\nholding:1', true)).toThrow(BadInput)
    const left = tagLines(removeTags(TEXT, 'press-3', new Set(['press-3/running'])))
    expect(left.map((it) => it.line['tag'])).toEqual(['press-3/temperature'])
  })

  test('that stand for many are found by the tags they make', () => {
    const line = { source: 's', line: { tag: 'm-{n}/current', count: 8 } }
    const live = (tag: string) =>
      ({ source: 's', tag, time: 1, received: 1, kind: 'double', value: 1, quality: 'good', status: 0, class: 'c' }) as const
    const rows = gridRows([line, { source: 's', line: { tag: 'quiet' } }], [live('m-3/current'), live('other')])
    expect(rows.map((it) => [it.tag, it.line?.line['tag']])).toEqual([
      ['m-3/current', 'm-{n}/current'],
      ['other', undefined],
      ['quiet', 'quiet'],
    ])
  })
})

test('no word stands in two files: the one that is loaded later would win', () => {
  const keys = [en, backupEn, moreEn, networkEn, notifyEn, sourcesEn, updateEn].flatMap((it) => Object.keys(it))
  expect(keys.filter((it, at) => keys.indexOf(it) !== at)).toEqual([])
})

test('both languages fill in the same places', () => {
  const places = (text: string) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((it) => it[1]))].toSorted()
  const pairs = [
    [en, de],
    [backupEn, backupDe],
    [moreEn, moreDe],
    [sourcesEn, sourcesDe],
    [networkEn, networkDe],
    [notifyEn, notifyDe],
    [updateEn, updateDe],
  ] as readonly (readonly [Record<string, string>, Record<string, string>])[]
  for (const [english, german] of pairs)
    for (const [key, text] of Object.entries(english)) expect([key, places(german[key] ?? '')]).toEqual([key, places(text)])
})

test('a secret that a form stores is never one of another entry; its own stays its own', () => {
  const secrets = [
    { name: 'press-3', usedBy: ['sources[1].password'] },
    { name: 'press-3-key', usedBy: ['uplinks[0].kafka.tls.key', 'sources[1].tls.key'] },
    { name: 'press-3-key-2', usedBy: ['sources[11].tls.key'] },
    { name: 'left', usedBy: [] },
  ]
  expect(freeName('press-3', secrets, 'sources[1]')).toBe('press-3')
  expect(freeName('press-3', secrets, 'sources[-1]')).toBe('press-3-2')
  expect(freeName('press-3-key', secrets, 'sources[1]')).toBe('press-3-key-3')
  expect(freeName('left', secrets, 'sources[-1]')).toBe('left')
})
