// A box after an update: settings that ran under the version before and that this one would refuse. What can run runs; the history says that they ran.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import { openHistory, revisionOf } from '../../src/settings/history.ts'
import { writeWhole } from '../../src/machine/whole-file.ts'
import type { Agent, Site } from '../route/agent.ts'
import { siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'

let dir: string
let site: Site
let agent: Agent | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-older-'))
  mkdirSync(join(dir, 'in'))
  writeFileSync(join(dir, 'in', '1.csv'), 'time,value\n2026-03-01T10:00:00Z,21.5\n2026-03-01T10:00:01Z,21.6\n')
  site = siteIn(dir, text())
})
afterEach(async () => {
  await agent?.end()
  agent = undefined
  rmSync(dir, { recursive: true, force: true })
})

const text = () => `version: 1
device: { id: hf-older }
log: { bytesMax: 32MB }
network: { ports: [{ interface: eth1, zone: plant, open: [8460] }] }
sources:
  - { name: gone, protocol: modbus-tcp, host: 127.0.0.1, unit: 1, every: 1s, pace: fast, tags: [{ tag: x, register: "holding:0", type: uint16, class: default }] }
  - { name: lines, protocol: files, path: "${dir}/in", every: 100ms, settled: 100ms, whenDone: move, format: csv, time: time,
      tags: [{ tag: press/temperature, column: value, class: default }] }
`

test('the data path goes on; a change of the settings, and a file that never ran, are refused for it', {
  timeout: 60_000,
}, async () => {
  await expect(startAgent(site)).rejects.toThrow(/has no effect on a port without an address/)
  const history = openHistory(site.data, writeWhole)
  await history.add({ revision: revisionOf(text()), at: 1, by: 'anna' }, text())
  const { status } = (agent = await startAgent(site))
  const found = await until('the readings are there', async () => {
    const now = await status()
    return now?.classes[0]?.accepted === 2 && now.sources[0]?.state === 'up' ? now : undefined
  })
  expect(found.sources.map((it) => it.name)).toEqual(['lines'])
  const codes = found.issues.map((it) => it.code).filter((it) => it.startsWith('settings-'))
  expect(codes.toSorted()).toEqual(['settings-left-out', 'settings-outdated'])
  const api = connectAgent(site.data)
  const { problems } = await api.settingsCheck(`${text()}# more\n`)
  expect(problems.map((it) => it.path)).toEqual(['network.ports[0].open', 'sources[0].pace'])
  // A secret may be brought, and the text itself is as it was.
  await api.setSecret('spare', 'a')
  expect(readFileSync(site.settings, 'utf8')).toBe(text())
  const right = text().replace(', pace: fast', '').replace(', open: [8460]', '')
  await api.settingsApply({ text: right, base: revisionOf(text()), by: 'anna' })
  const after = await until('both sources are there', async () => {
    const now = await status()
    return now?.sources.length === 2 ? now : undefined
  })
  expect(after.issues.filter((it) => it.code.startsWith('settings-'))).toEqual([])
  // Back to what ran is possible, whatever this version says of it.
  await api.settingsRevert(revisionOf(text()), 'anna')
  expect((await status())?.sources).toHaveLength(1)
})
