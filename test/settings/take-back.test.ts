// A change of the settings that nobody confirms, where it cannot be taken back at the first try.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, test } from 'vitest'
import { settingsService } from '../../src/agent-settings.ts'
import type { Settings } from '../../src/core/settings.ts'
import { silent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'

const OLD = 'version: 1\n'
const NEW = 'version: 1\n# new\n'

test('it is tried again until the text before is in force', { timeout: 30_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-take-back-'))
  const file = join(dir, 'settings.yaml')
  writeFileSync(file, OLD)
  const settings = { settings: {} as Settings, notInForce: [], system: { ports: [], timeServers: [] }, issues: [], secrets: [] }
  const service = settingsService({
    file,
    dir,
    boot: 'this-boot',
    env: {},
    logger: silent,
    now: () => Date.now() * 1000,
    monotonic: () => performance.now(),
    stuck: () => undefined,
    check: () => Promise.resolve({ checked: { settings }, changes: [] }),
  })
  onTestFinished(() => {
    service.close()
    rmSync(dir, { recursive: true, force: true })
  })
  await service.begin()
  let failures = 0
  const change = async (): Promise<void> => {
    if (readFileSync(file, 'utf8') === OLD && failures++ === 0) throw new Error('no room')
  }
  const api = service.serve(change, () => [])
  const { revision } = await api.settings()
  await api.settingsApply({ text: NEW, base: revision, by: 'anna', confirmWithinMs: 300 })
  await until('it was tried', () => failures > 0, 5_000)
  await until('the text before is back', () => readFileSync(file, 'utf8') === OLD && failures > 1, 15_000)
  await until('nothing waits', async () => (await api.settings()).pending === null, 5_000)
})
