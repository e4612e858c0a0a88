// The demo plant, read by the product's own sources with the settings written for it: every table, type, order and recording, on both sides.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { NO_VALUE, QUALITIES } from '../../src/core/reading.ts'
import type { SeriesDescriptor } from '../../src/core/reading.ts'
import type { Source } from '../../src/core/source.ts'
import { signalsOf } from '../../src/plant/plan.ts'
import { demoPlan } from '../../src/plant/presets.ts'
import { plantSettings } from '../../src/plant/settings-yaml.ts'
import { verifyPlant } from '../../src/plant/verify.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { parseSettings } from '../../src/settings/read.ts'
import { protocols } from '../../src/sources/index.ts'
import { mosquitto, plantOf, temporaryDir, until } from './helpers.ts'

const READINGS = 2_000
const clock = { now: () => Date.now() * 1000, monotonic: () => performance.now() }
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Batches as the flat records that stand in the topics; one class, so that one sequence counts them all. */
function recorder() {
  const rows: { tag: string; ts: number; quality: string }[] = []
  const series = new Map<number, SeriesDescriptor[]>()
  const text = new TextDecoder()
  return {
    rows,
    add(batch: ReadingBatch): void {
      const known = series.get(batch.origin) ?? []
      known.push(...batch.newSeries)
      series.set(batch.origin, known)
      const longs = new BigInt64Array(batch.value.buffer)
      const words = new Uint32Array(batch.value.buffer)
      for (let i = 0; i < batch.count; i++) {
        const { tag, kind } = known[batch.series[i] as number] as SeriesDescriptor
        const quality = batch.quality[i] as number
        const span = () =>
          text.decode(batch.bytes.subarray(words[i * 2], (words[i * 2] as number) + (words[i * 2 + 1] as number)))
        const value =
          kind === 'long'
            ? { value_long: String(longs[i]) }
            : kind === 'string'
              ? { value_string: span() }
              : kind === 'bool'
                ? { value_bool: batch.value[i] === 1 }
                : { value_double: batch.value[i] }
        const common = { device: 'hf-plant', epoch: 'e', class: 'all', seq: rows.length, tag, ts: batch.time[i] as number }
        rows.push({ ...common, quality: QUALITIES[quality & 3] as string, ...((quality & NO_VALUE) === 0 && value) })
      }
      if (batch.refused.length > 0) throw new Error(JSON.stringify(batch.refused))
    },
  }
}

test('the sources find each sample once, with its value', async () => {
  await using at = await temporaryDir()
  await using broker = await mosquitto(at.dir)
  const plan = demoPlan(9)
  // The two poll counters among them.
  const tags = plan.devices.flatMap(signalsOf).length + 2
  const plant = await plantOf({
    plan,
    dir: join(at.dir, 'plant'),
    opcua: { port: 0 },
    modbus: { port: 0 },
    mqtt: { url: broker.url },
  })
  const text = plantSettings(plan, plant.endpoints, { brokers: [] })
  const secrets = { get: () => 'secret' } as unknown as Parameters<typeof parseSettings>[2]['secrets']
  const { settings } = parseSettings(text, 'settings.yaml', { schemas: settingsSchemas, secrets, deviceId: 'hf-plant' })
  const stop = new AbortController()
  const { rows, add } = recorder()
  const reading = settings.sources.map(async ({ name, protocol, settings: own }, origin) => {
    const dir = join(at.dir, name)
    mkdirSync(dir)
    const kind = await protocols[protocol]?.load()
    const context = { name, dir, device: 'hf-plant', clock, log, origin, commitEveryMs: 50 }
    const source = kind?.open(own as never, context) as Source
    for await (const { batch, durable } of source.read(stop.signal)) {
      add(batch)
      durable()
    }
  })
  const failed = Promise.all(reading)
  await Promise.race([
    failed,
    until(`${READINGS} readings of all devices`, () => rows.length > READINGS && new Set(rows.map((it) => it.tag)).size === tags),
  ])
  const stoppedAt = clock.now()
  await plant.stop()
  // What was served last is still on its way.
  let before = -1
  await until('quiet', async () => {
    const quiet = before === rows.length
    before = rows.length
    await new Promise((done) => setTimeout(done, 700))
    return quiet && before === rows.length
  })
  stop.abort()
  await failed
  const readings = async (visit: (json: unknown) => void) => rows.forEach((row) => visit(row))
  const good = rows.filter((it) => it.quality === 'good')
  // Once the plant had stopped, its devices were bad; before that, nothing was.
  expect(rows.filter((it) => it.quality !== 'good' && it.ts < stoppedAt)).toEqual([])
  const verdict = await verifyPlant({ plan, served: plant.served, readings, drained: true })
  const troubled = verdict.devices
    .flatMap((it) => it.signals)
    .filter((it) => it.missing + it.wrong + it.repeated + it.unbooked > 0)
  expect(troubled).toEqual([])
  expect(verdict).toMatchObject({ ok: true, ended: true, missing: 0, found: good.length, otherRecords: 0 })
})
