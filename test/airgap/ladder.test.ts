// A log that has come down its ladder: aggregates and the lines that name what they stand for leave by hand as well, and agree in Kafka.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKeys } from '../../src/airgap/new-keys.ts'
import { handInReceipts, writeStick } from '../../src/airgap/stick.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { EXPORT_FILE_BYTES_MAX } from '../../src/core/bounds.ts'
import type { Settings } from '../../src/core/settings.ts'
import { importFiles } from '../../src/import-files.ts'
import { openOfflineExport } from '../../src/offline-export.ts'
import { kafkaSettingsSchema } from '../../src/uplinks/kafka/settings.ts'
import { verifyTopics } from '../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker } from '../kafka/broker.ts'
import { classNamed, openTestLog, T0 } from '../log/helpers.ts'

const DEVICE = 'box-1'
const REDUCED = 40_000
const RAW = 10_000
const REFUSED = 7

let dir: string
let broker: Broker
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-ladder-'))
  broker = await startBroker({ portFrom: 28_500 })
  await createTopics(broker.bootstrap, 3)
})
afterAll(async () => {
  await broker?.down()
  rmSync(dir, { recursive: true, force: true })
})

function fill(): { readonly accepted: number; readonly aggregated: number; readonly lost: number } {
  const ladder = [{ offlineForMs: 60_000, keep: { windowMs: 10_000 } }]
  const log = openTestLog(join(dir, 'data', 'log'), {
    device: DEVICE,
    classes: [classNamed('process', { ladder })],
    uplinks: ['cloud'],
  })
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'a', class: 'process', kind: 'double' })
  const add = (from: number, count: number) => {
    for (let n = from; n < from + count; n++) builder.add(series, T0 + n * 1_000, Math.sin(n) * 1e6)
    log.append(builder.take(T0))
    log.clock.tick(1_000)
  }
  for (let n = 0; n < REDUCED; n += 1_000) add(n, 1_000)
  log.clock.tick(120_000)
  log.work(true)
  builder.refuse('process', 'out-of-range', T0, REFUSED)
  add(REDUCED, RAW)
  const [account] = log.writer.figures().classes
  log.close()
  const lost = Object.values(account?.lost ?? {}).reduce((sum, it) => sum + it, 0)
  return { accepted: account?.accepted ?? 0, aggregated: account?.aggregated ?? 0, lost }
}

test('aggregates, gaps and readings leave and arrive together', { timeout: 120_000 }, async () => {
  mkdirSync(join(dir, 'data', 'log'), { recursive: true })
  const stick = join(dir, 'stick')
  mkdirSync(stick)
  const account = fill()
  expect(account).toEqual({ accepted: REDUCED + RAW + REFUSED, aggregated: REDUCED, lost: REFUSED })
  const keys = await makeKeys(join(dir, 'keys'))
  const settings = {
    device: { id: DEVICE, site: '' },
    export: { to: [keys.to], receipts: keys.receipts, uplink: 'cloud' },
  } as unknown as Settings
  const signal = new AbortController().signal
  const open = () => openOfflineExport(join(dir, 'data'), settings)

  const box = await open()
  const key = await box.exportKey()
  const request = { isMore: false, fileBytesMax: EXPORT_FILE_BYTES_MAX }
  const written = await writeStick(stick, box, key, request, () => undefined, signal)
  await box.close()
  expect(written).toMatchObject({ files: 1, damaged: [] })

  const access = { brokers: [broker.bootstrap], insecure: 'loopback' }
  const request2 = {
    paths: [stick],
    uplink: { kind: 'kafka', settings: kafkaSettingsSchema.parse(access) },
    identity: keys.identity,
    boxKeys: new Map([[DEVICE, key.key]]),
    receiptKey: keys.receiptKey,
    progress: () => undefined,
    retried: () => undefined,
  }
  const { refused } = await importFiles(request2, signal)
  expect(refused).toEqual([])
  const report = await verifyTopics({ brokers: access.brokers, device: DEVICE })
  expect(report).toMatchObject({ ok: true, totals: { missing: 0, doubled: 0, waiting: 0 } })
  const raw = report.streams.find((it) => it.stream.form === 'raw')
  expect(raw).toMatchObject({ proven: RAW, named: REDUCED + REFUSED, contradictions: [] })
  expect(report.streams.map((it) => it.stream.form).toSorted()).toEqual(['aggregate', 'gap', 'raw'])

  const again = await open()
  expect(await handInReceipts(stick, again, DEVICE)).toMatchObject([{ received: { known: 0 } }])
  expect(await writeStick(stick, again, key, request, () => undefined, signal)).toMatchObject({ files: 0, readings: 0, found: 1 })
  await again.close()
})
