// What waits for its commit, by class.
import { expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { emptyGather } from '../../src/log/gather.ts'
import type { Intake } from '../../src/log/intake.ts'
import { createIntake } from '../../src/log/intake.ts'
import type { SeriesTable } from '../../src/log/series.ts'
import { classNamed, T0 } from './helpers.ts'

test('where room is made in the midst of a batch, what comes of any class belongs to a batch of what waits now', () => {
  const classes = [classNamed('alarm'), classNamed('process', { forward: { windowMs: 10_000 } })]
  const known = new Map<string, number>()
  const series = { idOf: ({ tag }: { tag: string }) => known.set(tag, known.get(tag) ?? known.size).get(tag) }
  let rooms = 0
  // As the writer does where blocks are many: a commit takes what waits of all classes.
  const makeRoom = () => {
    rooms++
    for (const it of intake.waiting) emptyGather(it.gather)
  }
  const intake: Intake = createIntake(classes, series as unknown as SeriesTable, () => 0, makeRoom)
  const builder = new BatchBuilder(newOrigin(0))
  const [alarm, process] = ['alarm', 'process'].map((it) => builder.series({ tag: it, class: it, kind: 'double' }))
  const take = (received: number) => {
    for (const it of [alarm, process, alarm]) builder.add(it as number, received, 1)
    intake.take(builder.take(received))
  }
  take(T0)
  expect(rooms).toBe(0)
  take(T0 + 20_000_000)
  expect(rooms).toBe(1)
  expect(intake.waiting.map((it) => it.gather.count)).toEqual([1, 1])
  for (const { gather } of intake.waiting)
    for (let i = 0; i < gather.count; i++) expect(gather.batch[i]).toBeLessThan(gather.batches)
})
