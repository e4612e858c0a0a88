// A stick goes from a box that never had a link to Kafka, and its receipt goes back.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isOnce } from './once.ts'
import type { Yard } from './yard.ts'
import { openYard } from './yard.ts'

let yard: Yard
beforeAll(async () => {
  yard = await openYard(28_100)
})
afterAll(() => yard?.down())

test('export, import, receipt: each reading is in Kafka once, and only the receipt makes it delivered', {
  timeout: 180_000,
}, async () => {
  const box = await yard.box('hf-route')
  await box.start()
  await box.produce(30_000)
  expect(await box.exported()).toMatchObject({ readings: 30_000, found: 0, damaged: [], receipts: [] })
  expect(await box.sums()).toMatchObject({ accepted: 30_000, stored: 30_000, delivered: 0 })

  const { boxes, refused, receipts } = await box.imported()
  expect({ boxes, refused }).toMatchObject({
    boxes: [{ device: 'hf-route', uplink: 'cloud', readings: 30_000, there: 0 }],
    refused: [],
  })
  expect(receipts).toHaveLength(1)
  isOnce(await box.inKafka(30_000), 30_000)
  expect(await box.verify()).toMatchObject({ ok: true, totals: { proven: 30_000, missing: 0, doubled: 0, waiting: 0 } })

  // The same stick again sends nothing.
  expect((await box.imported()).boxes).toMatchObject([{ readings: 0, there: 30_000 }])
  isOnce(await box.inKafka(30_000), 30_000)

  expect(await box.exported(['--receipts'])).toMatchObject({
    receipts: [{ received: { counted: 30_000 } }, { received: { counted: 0, known: 30_000 } }],
  })
  expect(await box.sums()).toMatchObject({ accepted: 30_000, stored: 0, delivered: 30_000, lost: 0 })
  expect(await box.exported()).toMatchObject({ files: 0, readings: 0 })
})
