// Three boxes and a real hawkBit: real updaters, RAUC and agents, slots that are files. A rollout in three groups of one box each.
import { createReadStream, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeIndex } from '../../src/update/bundle-index.ts'
import { until } from '../route/until.ts'
import type { Box } from '../update/box.ts'
import { canUpdate } from '../update/box.ts'
import type { Vendor } from '../update/signing.ts'
import { vendor } from '../update/signing.ts'
import { fleetBox } from './box.ts'
import type { Hawkbit } from './hawkbit.ts'
import { isFetched, startHawkbit } from './hawkbit.ts'

const can = canUpdate() && isFetched()
if (!can) console.warn('SKIPPED: the fleet needs root, rauc and a hawkBit that is fetched: make test-fleet')

const NAMES = ['box-1', 'box-2', 'box-3'] as const
const MS_MAX = 240_000

interface Rollout {
  readonly id: number
  readonly status: string
}

describe.skipIf(!can)('a fleet', { timeout: 600_000 }, () => {
  let server: Hawkbit
  let made: Vendor
  const boxes = new Map<string, Box>()

  beforeAll(async () => {
    made = vendor()
    server = await startHawkbit()
    for (const name of NAMES) boxes.set(name, await fleetBox(name, server, made.ca))
  }, 600_000)
  afterAll(async () => {
    for (const it of boxes.values()) await it.close()
    await server?.close()
    made?.close()
  }, 120_000)

  const boxOf = (name: string) => boxes.get(name) as Box

  async function rollout(name: string, set: number): Promise<number> {
    const groups = NAMES.map((it) => ({
      name: it,
      targetFilterQuery: `controllerId==${it}`,
      targetPercentage: 100,
      successCondition: { condition: 'THRESHOLD', expression: '100' },
      successAction: { action: 'NEXTGROUP', expression: '' },
      errorCondition: { condition: 'THRESHOLD', expression: '50' },
      errorAction: { action: 'PAUSE', expression: '' },
    }))
    const asked = { name, distributionSetId: set, targetFilterQuery: 'controllerId==box-*', type: 'forced', groups }
    const { id } = await server.ask<Rollout>('POST', '/rest/v1/rollouts', asked)
    await until('the rollout is ready', async () => (await stateOf(id)) === 'ready', MS_MAX)
    await server.ask('POST', `/rest/v1/rollouts/${id}/start`)
    return id
  }
  const stateOf = async (id: number) => (await server.ask<Rollout>('GET', `/rest/v1/rollouts/${id}`)).status

  test('each box is known with what it is', async () => {
    for (const name of NAMES) {
      const attributes = () => server.ask<Record<string, string>>('GET', `/rest/v1/targets/${name}/attributes`)
      const found = await until('it has told', async () => ((await attributes())?.['device'] ? attributes() : undefined), MS_MAX)
      expect(found).toMatchObject({ product: 'holdfast', device: name, site: 'hall-1', version: '1.0.0', slot: 'A' })
    }
  })

  test('staged: one box after the other, each reported as done once it runs and is well', async () => {
    const bundle = made.bundle({ version: '2.0.0' })
    writeFileSync(`${bundle}.index`, await makeIndex(createReadStream(bundle)))
    const id = await rollout('good', await server.addBundle(bundle, '2.0.0'))
    await until('the rollout is over', async () => (await stateOf(id)) === 'finished', 2 * MS_MAX, 500)
    const goods: number[] = []
    for (const name of NAMES) {
      const now = await boxOf(name).updater.status()
      expect(now, name).toMatchObject({ version: '2.0.0', last: { outcome: 'good' }, job: null })
      expect(boxOf(name).running().slot).toBe('B')
      // All but the line that names the version lies in the slot that ran.
      expect(boxOf(name).log()).toMatch(/of 1(\.\d+)? MB, \d+(\.\d+)? kB are fetched: the rest is here/)
      goods.push(now.last?.at ?? 0)
      const [action] = await server.actions(name)
      expect(action).toMatchObject({ status: 'finished' })
      const said = await server.said(name, action?.id as number)
      expect(said.flatMap((it) => it.messages).join('\n')).toMatch(
        /good: the data path is well[\s\S]*installed in slot B[\s\S]*is here and checked/,
      )
    }
    expect(goods).toEqual(goods.toSorted((a, b) => a - b))
  })

  test('a box that gets sick falls back, is reported as failed, and the rollout stops before the next', async () => {
    const id = await rollout('sick', await server.addBundle(made.bundle({ version: '3.0.0', sick: 'no-agent' }), '3.0.0'))
    await until('the rollout stops', async () => (await stateOf(id)) === 'paused', 2 * MS_MAX, 500)
    const [action] = await server.actions('box-1')
    const said = await server.said('box-1', action?.id as number)
    expect(said[0]).toMatchObject({ type: 'error' })
    expect(said.flatMap((it) => it.messages).join('\n')).toContain('fell-back: not well in its time: agent')
    expect(await boxOf('box-1').updater.status()).toMatchObject({
      version: '2.0.0',
      last: { outcome: 'fell-back', version: '3.0.0' },
    })
    for (const name of ['box-2', 'box-3']) {
      expect(boxOf(name).running(), name).toMatchObject({ slot: 'B', version: '2.0.0' })
      expect((await server.actions(name)).map((it) => it.status)).not.toContain('running')
    }
  })
})
