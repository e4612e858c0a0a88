// Sticks and a link at once: whatever comes first, in whatever order, each reading is in Kafka once.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodePosition } from '../../src/uplinks/kafka/position.ts'
import { adminOf, TOPICS } from '../kafka/broker.ts'
import { classNamed, openTestLog } from '../log/helpers.ts'
import { until } from '../route/until.ts'
import { isOnce } from './once.ts'
import type { Box, Yard } from './yard.ts'
import { openYard } from './yard.ts'

const MS_MAX = 240_000

let yard: Yard
beforeAll(async () => {
  yard = await openYard(28_300)
})
afterAll(() => yard?.down())

async function isDelivered(box: Box, count: number): Promise<void> {
  await until(`${count} are delivered`, async () => (await box.sums()).delivered >= count, 120_000, 300)
  expect(await box.sums()).toMatchObject({ accepted: count, delivered: count, stored: 0, lost: 0 })
}

async function expectProven(box: Box, count: number): Promise<void> {
  isOnce(await box.inKafka(count), count)
  expect(await box.verify()).toMatchObject({ ok: true, totals: { proven: count, missing: 0, doubled: 0, maybeDuplicate: 0 } })
}

const epochOf = async (box: Box) => (await box.agent?.status())?.epoch

/** Asks a broker that may still be at work on the group. */
async function withAdmin<T>(use: (admin: ReturnType<typeof adminOf>) => Promise<T>): Promise<T> {
  const admin = adminOf(yard.broker.bootstrap)
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

const groupOf = (box: Box) => `holdfast.${box.device}.cloud`

test('the link comes after the export: the stick has nothing to add, and its receipt nothing to count', {
  timeout: MS_MAX,
}, async () => {
  const box = await yard.box('hf-sync')
  await box.start()
  await box.produce(20_000)
  await box.exported()
  await box.produce(10_000)
  box.cable.restore()
  await isDelivered(box, 30_000)
  expect((await box.imported()).boxes).toMatchObject([{ readings: 0, there: 20_000 }])
  await expectProven(box, 30_000)
  expect(await box.exported(['--receipts'])).toMatchObject({ receipts: [{ received: { counted: 0, known: 20_000 } }] })
  // The importer has taken the box's place for a moment: it goes on.
  await box.produce(1_000)
  await isDelivered(box, 31_000)
  await expectProven(box, 31_000)
})

test('the link comes after the import: the box learns what is there, in the same epoch', { timeout: MS_MAX }, async () => {
  const box = await yard.box('hf-after')
  await box.start()
  await box.produce(20_000)
  const epoch = await epochOf(box)
  await box.exported()
  expect((await box.imported()).boxes).toMatchObject([{ readings: 20_000 }])
  await box.produce(10_000)
  box.cable.restore()
  await isDelivered(box, 30_000)
  expect(await epochOf(box)).toBe(epoch)
  await expectProven(box, 30_000)
})

test('import, import again beside it and the link, all at once', { timeout: MS_MAX }, async () => {
  const box = await yard.box('hf-race')
  await box.start()
  await box.produce(100_000)
  await box.exported(['--file-bytes', '100kB'])
  box.cable.restore()
  const both = await Promise.all([box.import(), box.import()])
  expect(both.map((it) => [it.code, it.err.includes('error')])).toEqual([
    [0, false],
    [0, false],
  ])
  await isDelivered(box, 100_000)
  await expectProven(box, 100_000)
})

test('a position that the broker has forgotten: the importer finds by the records what is there', {
  timeout: MS_MAX,
}, async () => {
  const box = await yard.box('hf-forgotten')
  await box.start()
  await box.produce(20_000)
  await box.exported()
  expect((await box.imported()).boxes).toMatchObject([{ readings: 20_000 }])
  await until('the group can be deleted', () =>
    withAdmin((admin) => admin.deleteGroups([groupOf(box)])).then(
      () => true,
      () => false,
    ),
  )
  await box.produce(5_000)
  await box.exported(['--file-bytes', '50kB'])
  expect((await box.imported()).boxes).toMatchObject([{ readings: 5_000, there: 20_000 }])
  await expectProven(box, 25_000)
})

test('an epoch that is over and that the position no longer names is not sent again', { timeout: MS_MAX }, async () => {
  const box = await yard.box('hf-epochs')
  await box.start()
  await box.produce(10_000)
  const epoch = await epochOf(box)
  await box.exported()
  await box.agent?.kill()
  anotherBoot(box)
  await box.start()
  expect(await epochOf(box)).not.toBe(epoch)
  box.cable.restore()
  await isDelivered(box, 10_000)
  // Delivered, over, and yet named: it is on a stick.
  await box.produce(1_000)
  await isDelivered(box, 11_000)
  expect((await positionOf(box)).some((it) => it.includes(epoch as string))).toBe(true)
  expect((await box.imported()).boxes).toMatchObject([{ readings: 0, there: 10_000 }])
  expect(await box.exported(['--receipts'])).toMatchObject({ receipts: [{ received: { known: 10_000 } }] })
  // The next session leaves it out.
  await box.agent?.end()
  await box.start()
  await box.produce(1_000)
  await isDelivered(box, 12_000)
  expect((await positionOf(box)).some((it) => it.includes(epoch as string))).toBe(false)
  expect((await box.imported()).boxes).toMatchObject([{ readings: 0, there: 10_000 }])
  await expectProven(box, 12_000)
  expect(await box.exported(['--receipts'])).toMatchObject({
    receipts: [{ received: { ignored: 10_000 } }, { received: { ignored: 10_000 } }],
  })
})

/** The log is opened as after a power cut. */
function anotherBoot({ device, site }: Box): void {
  const options = { device, bytesMax: 1e9, classes: [classNamed('process')], uplinks: ['cloud'] }
  openTestLog(join(site.data, 'log'), { ...options, bootId: 'after the power cut' }).close()
}

/** Streams that the group's position names. */
async function positionOf(box: Box): Promise<string[]> {
  const [found] = await withAdmin((admin) => admin.fetchOffsets({ groupId: groupOf(box), topics: [TOPICS.events] }))
  return [...decodePosition(found?.partitions.find((it) => it.partition === 0)?.metadata ?? '').keys()]
}
