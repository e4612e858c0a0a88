// The whole of it in its threads: a rule finds something, and what lies around it is still raw when all else has become aggregates.
import { expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { rowsOf } from '../../src/core/query.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { rulesHost } from '../../src/workers/rules-host.ts'
import { classNamed, tempDir } from '../log/helpers.ts'
import { until } from '../route/until.ts'

const T0 = 1_700_000_000_000_000
const SECOND = 1_000_000
const RULE: RuleSettings = {
  name: 'hot',
  reads: { tags: ['press/*'] },
  when: 'value > 90.0',
  yields: { class: 'alarm', on: 'rise', raise: { beforeMs: 0, afterMs: 30_000 } },
}

test('an event raises what its rule reads, from its time on', { timeout: 120_000 }, async () => {
  const { dir, remove } = tempDir()
  const ladder = [{ offlineForMs: 1, keep: { windowMs: 20_000 } }]
  const log = await openLog(
    {
      dir,
      device: 'box-1',
      bytesMax: 64_000_000,
      commitBytes: 1_000_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [
        classNamed('alarm', { commitEveryMs: 5 }),
        ...['process', 'other'].map((it) => classNamed(it, { commitEveryMs: 5, ladder })),
      ],
      delivery: {},
      uplinks: ['kafka'],
      rules: true,
      raising: [{ rule: 'hot', reads: RULE.reads, beforeMs: 0 }],
    },
    (error) => {
      throw error
    },
  )
  const fail = (fields: object) => {
    throw new Error(JSON.stringify(fields))
  }
  const rules = rulesHost({ rules: [RULE] }, log.rules, { debug: () => {}, info: () => {}, warn: fail, error: fail })
  try {
    const are = (events: number) => async () => {
      const said = await rules.report()
      return said.lagReadings === 0 && said.rules[0]?.events === events
    }
    await until('the rules have begun', are(0))
    const builder = new BatchBuilder(newOrigin(0))
    const series = ['press/t', 'press/p'].map((tag) => builder.series({ tag, class: 'process', kind: 'double' }))
    const other = builder.series({ tag: 'hall/t', class: 'other', kind: 'double' })
    for (let second = 0; second < 200; second++) {
      for (const it of [...series, other])
        builder.add(it, T0 + second * SECOND, Math.sin(second) * 10 + (second === 100 ? 200 : 0))
      await log.writer.append(builder.take(Date.now() * 1000))
    }
    await until('the rules are through', are(2))
    // What they may read again keeps its numbers, and is sealed raw: a clean stop saves how far they are.
    await rules.stop()
    await log.seal()
    const rawOf = async (tag: string) => {
      const { parts } = await log.query({ tag, from: 0, to: Number.MAX_SAFE_INTEGER, after: 0 })
      const rows = parts.flatMap((it) => [...rowsOf(it)])
      const raw = rows.filter((it) => !it.window).map((it) => (it.time - T0) / SECOND)
      return { raw, aggregated: rows.reduce((sum, it) => sum + (it.window?.count ?? 0), 0) }
    }
    const raised = { raw: Array.from({ length: 31 }, (_, n) => 100 + n), aggregated: 169 }
    expect(await rawOf('press/t')).toEqual(raised)
    expect(await rawOf('press/p')).toEqual(raised)
    expect(await rawOf('hall/t')).toEqual({ raw: [], aggregated: 200 })
  } finally {
    await rules.stop()
    await log.close()
    remove()
  }
})
