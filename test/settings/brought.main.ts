// Brings one backup after the other, until it is killed: DIR on the command line.
import { join } from 'node:path'
import { settingsService } from '../../src/agent-settings.ts'
import { silent } from '../local-api/hand-made-agent.ts'

const dir = process.argv[2] as string
const settings = { device: { id: 'hf-1' } }
const checked = { settings, issues: [], notInForce: [], secrets: [], system: {} }
const service = settingsService({
  file: join(dir, 'settings.yaml'),
  dir,
  boot: 'one',
  env: {},
  logger: silent,
  now: () => 1,
  monotonic: () => performance.now(),
  check: async () => ({ checked: { settings: checked }, changes: [] }) as never,
  stuck: () => process.exit(1),
})
await service.begin()
const api = service.serve(
  async () => {},
  () => [],
)
process.stdout.write('begun\n')
for (let n = 0; ; n++) {
  const name = `turn-${n}`
  const { revision: base } = await api.settings()
  const files = { 'export/box.key': Buffer.from(name).toString('base64') }
  await service.applyBrought({ text: `# ${name}\n`, base, by: 'test' }, { secrets: { cloud: name }, files })
}
