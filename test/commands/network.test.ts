// What `network confirm` says when the addresses are kept and the settings cannot say so now.
import { expect, test } from 'vitest'
import { withPort } from '../../src/commands/network-settings.ts'
import { networkConfirm } from '../../src/commands/network-confirm.ts'
import { openCertificates } from '../../src/access/certificate.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { parseSettings } from '../../src/settings/read.ts'
import { runHere } from './surroundings.ts'
import type { NetworkChange, NetworkNow } from '../../src/core/host.ts'
import type { Status } from '../../src/core/status.ts'
import { BadInput } from '../../src/core/errors.ts'
import { handMadeUpdater } from '../update/hand-made-updater.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { handMadeHost } from '../machine/hand-made-host.ts'

test('nobody believes that they are not kept', async () => {
  const host = handMadeHost()
  const now = await host.networkApply({
    ports: [{ interface: 'eth0', address: '10.9.0.1/24' }],
    confirmWithinMs: 1_000,
    by: 'anna',
  })
  const waits = new BadInput([{ where: 'settings', text: 'a change waits', remedy: 'confirm it' }])
  const agent = handMadeAgent({ settingsApply: () => Promise.reject(waits) })
  const none = openCertificates('/nowhere', 'box.local')
  const confirmed = networkConfirm.operation?.run(
    {},
    {
      agent,
      host: { ...host, networkShow: async () => now },
      updater: handMadeUpdater(),
      certificates: none,
      by: 'anna',
      signal: new AbortController().signal,
    },
  )
  await expect(confirmed).rejects.toMatchObject({
    problems: [{ text: expect.stringContaining('the addresses are kept'), remedy: expect.stringMatching(/^confirm it; then /) }],
  })
})

const SETTINGS = `version: 1
network:
  ports:
    - { interface: eth0, zone: plant, address: { var: plantAddress }, dns: [ { var: names } ] } # of this box
    - { interface: eth1, zone: uplink, address: dhcp }
    - { interface: eth2, zone: service }
time: { servers: [{ var: clock }] }
`
const values = { plantAddress: '10.20.1.5/24', names: '10.20.1.1', clock: 'ntp.plant.example' }
const PORTS = [
  { interface: 'eth0', zone: 'plant', address: '10.20.1.5/24', dns: ['10.20.1.1'], open: [] },
  { interface: 'eth1', zone: 'uplink', address: 'dhcp', open: [] },
]

function saidBySettings(text = SETTINGS) {
  const secrets = { get: () => undefined }
  const { system } = parseSettings(text, 'settings.yaml', { schemas: settingsSchemas, secrets, deviceId: 'hf-1', values })
  const applied: string[] = []
  const agent = handMadeAgent({
    settings: async () => ({ text, revision: '0'.repeat(64), pending: null, notInForce: [], system }),
    settingsApply: async ({ text }) => (applied.push(text), agent.settings()),
  })
  const asked: unknown[] = []
  const made = handMadeHost()
  let now: NetworkNow | undefined
  const host = {
    ...made,
    networkApply: async (change: NetworkChange) => (asked.push(change.ports), (now = await made.networkApply(change))),
    networkShow: async () => now ?? made.networkShow(),
    clockServers: async (servers: readonly string[]) => void asked.push(servers),
  }
  return { asked, applied, run: (words: string) => runHere(words, { connectHost: async () => host }, {}, () => agent) }
}

test("the settings' ports come in force with the box's own values in them, and stay written as they were", async () => {
  const { asked, applied, run } = saidBySettings()
  expect(await run('network set')).toMatchObject({ status: 0 })
  expect(asked).toEqual([PORTS])
  await run('network confirm')
  expect(applied).toEqual([])
  expect(await run('network set eth0 10.20.1.9/24 --zone service')).toMatchObject({ status: 0 })
  expect(asked.at(-1)).toEqual([{ interface: 'eth0', zone: 'service', address: '10.20.1.9/24' }])
  expect((await run('network set eth0 10.20.1.9/24 --zone garden')).err).toContain('must be plant, uplink, service')
  expect((await run('network set eth0')).err).toContain('ADDRESS is missing')
})

test('a port is opened by its entry and closed again; an address alone leaves what is open', async () => {
  const { asked, applied, run } = saidBySettings()
  await run('network set eth2 10.20.1.9/24 --zone service --open 8460,9000')
  expect(asked.at(-1)).toEqual([{ interface: 'eth2', zone: 'service', address: '10.20.1.9/24', open: [8460, 9000] }])
  await run('network confirm')
  expect(applied.at(-1)).toContain('eth2, zone: service, address: 10.20.1.9/24, open: [ 8460, 9000 ] }')
  const opened = applied.at(-1) as string
  expect(withPort(opened, { interface: 'eth2', address: '10.20.1.8/24' })).toContain('10.20.1.8/24, open: [ 8460, 9000 ] }')
  await run('network set eth2 10.20.1.9/24 --open none')
  expect(asked.at(-1)).toEqual([{ interface: 'eth2', address: '10.20.1.9/24', open: [] }])
  expect(withPort(opened, { interface: 'eth2', address: '10.20.1.9/24', open: [] })).not.toContain('open')
  for (const open of ['[443]', '[8460, 8460]', '[70000]', '8460'])
    expect(() => saidBySettings(SETTINGS.replace('zone: service }', `zone: service, open: ${open} }`))).toThrow(/open/)
})

test('status lists what is open, and says nothing where nothing is', async () => {
  const status = await handMadeAgent().status()
  const said = async (open?: NonNullable<Status['open']>) =>
    (await runHere('status', {}, {}, () => handMadeAgent({ status: async () => ({ ...status, ...(open && { open }) }) }))).out
  expect(await said([{ interface: 'eth1', zone: 'plant', port: 8460 }])).toContain('\nopen  TCP 8460 on eth1 (plant)\n')
  expect(await said()).not.toContain('open  TCP')
})

test('time servers: those of the settings, or others, which the settings then say', async () => {
  const { asked, applied, run } = saidBySettings()
  expect((await run('clock servers')).out).toBe('time comes from ntp.plant.example\n')
  expect([asked, applied]).toEqual([[['ntp.plant.example']], []])
  expect((await run('clock servers a.example b.example')).status).toBe(0)
  expect(asked.at(-1)).toEqual(['a.example', 'b.example'])
  expect(applied).toEqual([SETTINGS.replace('[{ var: clock }]', '[ a.example, b.example ]')])
})
