// What rules read over a hole: readings that were given up before are missed, those that were refused before the log are not.
import { expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { classNamed, openTestLog, T0, tempDir } from './helpers.ts'

test('readings that went before they were read are counted, refused ones are not; what is there is read', () => {
  const temp = tempDir()
  try {
    const ladder = [{ offlineForMs: 1, keep: 'nothing' as const }]
    const log = openTestLog(temp.dir, { classes: [classNamed('process', { ladder })], rules: true })
    const builder = new BatchBuilder(newOrigin(0))
    const series = builder.series({ tag: 't', class: 'process', kind: 'double' })
    const take = (readings: number, refused: number) => {
      for (let n = 0; n < readings; n++) builder.add(series, T0 + n, n)
      if (refused > 0) builder.refuse('process', 'unreadable', T0, refused)
      log.append(builder.take(T0))
      log.clock.tick(1_000)
    }
    for (let n = 0; n < 20; n++) take(10, 3)
    const [stream = ''] = Object.keys(log.keeper.heads())
    log.work(true)
    expect(log.keeper.rules.behind({ [stream]: 0 })).toBe(260)
    // What went before they knew of a stream is not theirs.
    expect(log.keeper.rules.behind({})).toBe(0)
    take(7, 0)
    expect(log.keeper.rules.behind({})).toBe(7)
    expect(log.keeper.rules.behind({ [stream]: 262 })).toBe(5)
    expect(log.keeper.rules.behind({ [stream]: 1_000 })).toBe(0)
    const { slices, missed, positions } = log.keeper.rules.read({ [stream]: 0 }, 1_000)
    expect(missed).toBe(200)
    expect(slices.map((it) => it.to - it.from)).toEqual([7])
    expect(positions[stream]).toBe(267)
    // From within the hole.
    expect(log.keeper.rules.read({ [stream]: 265 }, 1_000).missed).toBe(0)
    log.close()
  } finally {
    temp.remove()
  }
})
