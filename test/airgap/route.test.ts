// A stick goes from a box that never had a link to Kafka, and its receipt goes back.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdfast } from '../route/agent.ts'
import { situationText } from '../situations/read.ts'
import { isOnce } from './once.ts'
import type { WholeSettings, Yard } from './yard.ts'
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

/** The situation as it stands, but for addresses and keys. */
const OIL_FIELD: WholeSettings = {
  topic: 'wells/{n}/average',
  text({ mqtt, kafka, keys }) {
    const own = { '10.20.5.5:1883': mqtt, '10.99.0.1:9092': kafka }
    const text = Object.entries(own).reduce(
      (all, [from, to]) => {
        expect(all).toContain(from)
        return all.replace(from, to)
      },
      situationText('oil-field', 'air-gapped.yaml'),
    )
    return text.replace(/age1q+/, keys.to).replace(/ed25519:A+/, keys.receipts)
  },
}

test('oil field: averages leave by hand and the receipt makes them delivered, raw data stays and can be asked for', {
  timeout: 180_000,
}, async () => {
  const AVERAGES = 2_000
  const RAW = 3_000
  const box = await yard.box('hf-island', OIL_FIELD)
  const agent = await box.start()
  await box.produce(AVERAGES)
  await box.produce(RAW, 'wells/{n}/raw')
  const classes = async () => new Map((await agent.status())?.classes.map((it) => [it.name, it]))
  expect(await box.exported()).toMatchObject({ readings: AVERAGES, damaged: [] })
  expect((await box.imported()).boxes).toMatchObject([{ device: 'hf-island', uplink: 'cloud', readings: AVERAGES }])
  isOnce(await box.inKafka(AVERAGES), AVERAGES)
  expect((await box.exported(['--receipts'])).receipts).toMatchObject([{ received: { counted: AVERAGES } }])
  expect((await classes()).get('average')).toMatchObject({ accepted: AVERAGES, delivered: AVERAGES, stored: 0, lost: {} })
  expect((await classes()).get('raw')).toMatchObject({ accepted: RAW, delivered: 0, stored: RAW, lost: {} })
  // Whoever reads the topics sees that raw data is there, and not that it stays.
  expect(await box.verify()).toMatchObject({ ok: true, totals: { proven: AVERAGES, missing: 0, doubled: 0, waiting: RAW } })

  // Asked for: a range of it, to Kafka's side.
  const file = join(box.stick, 'raw.ndjson')
  const asked = await holdfast(box.site, ['replay', '*/raw', '--from', '-1h', '--file', file, '--data', box.site.data])
  expect(asked).toMatchObject({ code: 0 })
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(RAW)
  expect((await classes()).get('raw')).toMatchObject({ stored: RAW, delivered: 0 })
})
