// Lists of records built by hand from the book, then spoiled: each kind of damage must be found, counted right, and put to the right account.
import { describe, expect, test } from 'vitest'
import { registerValue } from '../../src/plant/modbus-values.ts'
import type { PlantPlan } from '../../src/plant/plan.ts'
import { signalsOf } from '../../src/plant/plan.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import type { Served } from '../../src/plant/served.ts'
import { emptyServed } from '../../src/plant/served.ts'
import { signalOf } from '../../src/plant/signals.ts'
import { verdictLines } from '../../src/plant/verdict-text.ts'
import type { VerifyInput } from '../../src/plant/verify.ts'
import { verifyPlant } from '../../src/plant/verify.ts'

interface Row {
  device: string
  epoch: string
  class: string
  seq: number
  tag: string
  ts: number
  quality: string
  value_double?: number
  value_long?: number | string
  value_bool?: boolean
  value_string?: string
}

const START_MS = 1_800_000_000_000
const SAMPLES = 50
const plan = loadPlan(5, { opcuaItems: 3, modbusDevices: 2, modbusRegisters: 6, mqttSensors: 2 })

/** A plant that served samples 10 to 59 of everything, and topics that have them all. */
function scene(of: PlantPlan = plan): { served: Served; rows: Row[] } {
  const served = emptyServed(of, START_MS)
  const rows: Row[] = []
  const add = (tag: string, ts: number, value: object) =>
    rows.push({ device: 'hf-1', epoch: 'e', class: 'process', seq: rows.length, tag, ts, quality: 'good', ...value })
  for (const [i, device] of of.devices.entries()) {
    const book = served.devices[i]
    for (let n = 10; n < 10 + SAMPLES; n++) {
      if (device.protocol === 'modbus') add(device.counterTag, served.startedAt + n * 1_000_000 + 17, { value_long: n })
      for (const [k, signal] of signalsOf(device).entries()) {
        const value = signalOf(signal.spec, of.seed, signal.tag)(n)
        const timed = book?.signals[k]
        if (timed) add(signal.tag, timed.t0 + n * timed.period, { value_double: value })
        else add(signal.tag, served.startedAt + n * 1_000_000 + 17, { value_long: registerValue(signal.type, value) })
      }
    }
    book?.polls.push([10, 10 + SAMPLES])
    for (const timed of book?.signals ?? []) timed.ranges.push([10, 10 + SAMPLES])
  }
  served.ended = true
  return { served, rows }
}

const from = (rows: readonly unknown[]) => async (visit: (json: unknown) => void) => rows.forEach((row) => visit(row))

const verify = (served: Served, rows: readonly unknown[], more: Partial<VerifyInput> = {}) =>
  verifyPlant({ plan, served, readings: from(rows), drained: true, ...more })

const clean = { missing: 0, doubled: 0, repeated: 0, wrong: 0, waiting: 0, before: 0, bad: 0, unbooked: 0 }
const ofTag = (rows: readonly Row[], tag: string) => rows.filter((it) => it.tag === tag)
const signalIn = (verdict: Awaited<ReturnType<typeof verify>>, tag: string) =>
  verdict.devices.flatMap((it) => it.signals).find((it) => it.tag === tag)

describe('plant verify', () => {
  test('all there: green, and each sample counted', async () => {
    const { served, rows } = scene()
    const verdict = await verify(served, rows)
    expect(verdict).toMatchObject({
      ok: true,
      served: rows.length,
      found: rows.length,
      ...clean,
      beforeLog: 0,
      records: rows.length,
    })
    expect(verdict.devices.map((it) => [it.name, it.found])).toEqual([
      ['opc', 150],
      ['modbus-1', 250],
      ['modbus-2', 250],
      ['mqtt', 100],
    ])
  })

  test('in whatever order the partitions are read', async () => {
    const { served, rows } = scene()
    for (const shuffled of [rows.toReversed(), rows.toSorted((a, b) => b.tag.localeCompare(a.tag))]) {
      expect(await verify(served, shuffled)).toMatchObject({ ok: true, found: rows.length, ...clean })
    }
  })

  test('lost behind the log: its sequence is missing too', async () => {
    const { served, rows } = scene()
    const gone = new Set(ofTag(rows, 'opc/item-1').slice(5, 8))
    const verdict = await verify(
      served,
      rows.filter((it) => !gone.has(it)),
    )
    expect(verdict).toMatchObject({ ok: false, missing: 3, beforeLog: 0, sequences: { holes: 3, named: 0, unnamed: 3 } })
    expect(signalIn(verdict, 'opc/item-1')).toMatchObject({ missing: 3, missingRanges: [[15, 18]] })
    expect(verdictLines(verdict).join('\n')).toContain('opc/item-1: missing 3 (samples 15–17)')
  })

  test('lost before the log: the sequences are dense', async () => {
    const { served, rows } = scene()
    const gone = new Set([...ofTag(rows, 'mqtt/load/sensor-0').slice(20, 25), ...ofTag(rows, 'modbus-2/r1').slice(7, 8)])
    const left = rows.filter((it) => !gone.has(it)).map((it, seq) => ({ ...it, seq }))
    const verdict = await verify(served, left)
    expect(verdict).toMatchObject({ ok: true, missing: 6, beforeLog: 6, sequences: { holes: 0 } })
    expect(signalIn(verdict, 'modbus-2/r1')).toMatchObject({ missingRanges: [[17, 18]] })
  })

  test('given up and named in a gap record', async () => {
    const { served, rows } = scene()
    const left = rows.filter((it) => it.seq < 100 || it.seq > 109)
    const gap = { device: 'hf-1', epoch: 'e', class: 'process', seq_from: 100, seq_to: 109, action: 'dropped' }
    expect(await verify(served, left, { gaps: from([gap, gap]) })).toMatchObject({
      ok: true,
      missing: 10,
      sequences: { holes: 10, named: 10, unnamed: 0 },
    })
    expect(await verify(served, left, { gaps: from([{ ...gap, seq_to: 108 }]) })).toMatchObject({
      ok: false,
      sequences: { unnamed: 1 },
    })
  })

  test('doubled is the same sequence twice, repeated is the same sample under two', async () => {
    const { served, rows } = scene()
    const some = [rows[3], rows[200], rows.at(-1)] as Row[]
    expect(await verify(served, [...rows, ...some])).toMatchObject({ ok: false, doubled: 3, repeated: 0, missing: 0 })
    const again = some.map((it, i) => ({ ...it, seq: rows.length + i }))
    expect(await verify(served, [...rows, ...again])).toMatchObject({ ok: true, doubled: 0, repeated: 3, missing: 0 })
  })

  test('a wrong value, a wrong time, a value of another poll', async () => {
    const { served, rows } = scene()
    const spoil = (tag: string, at: number, change: Partial<Row>) => Object.assign(ofTag(rows, tag)[at] as Row, change)
    spoil('opc/item-0', 4, { value_double: 1e6 })
    spoil('mqtt/load/sensor-1', 9, { ts: (ofTag(rows, 'mqtt/load/sensor-1')[9]?.ts ?? 0) + 1 })
    spoil('modbus-1/r0', 3, { value_long: (ofTag(rows, 'modbus-1/r0')[4]?.value_long as number) + 1 })
    spoil('modbus-1/r2', 3, { ts: 1 + (ofTag(rows, 'modbus-1/r2')[3]?.ts ?? 0) })
    const verdict = await verify(served, rows)
    expect(verdict).toMatchObject({ ok: false, wrong: 4, missing: 4 })
    expect(signalIn(verdict, 'opc/item-0')?.firstWrong).toContain('is 1000000')
    expect(signalIn(verdict, 'mqtt/load/sensor-1')?.firstWrong).toContain('no sample has the time')
    expect(signalIn(verdict, 'modbus-1/r2')?.firstWrong).toContain('no count of polls')
  })

  test('a sample later is not the sample asked for', async () => {
    const { served, rows } = scene()
    const series = ofTag(rows, 'opc/item-2')
    for (const [i, row] of series.slice(0, -1).entries()) row.value_double = series[i + 1]?.value_double as number
    expect((await verify(served, rows)).wrong).toBeGreaterThan(40)
  })

  test('not drained: what came after the last one found is waiting; before the first one nobody listened', async () => {
    const { served, rows } = scene()
    const cut = new Set([...ofTag(rows, 'opc/item-0').slice(40), ...ofTag(rows, 'mqtt/load/sensor-0').slice(0, 7)])
    const left = rows.filter((it) => !cut.has(it)).map((it, seq) => ({ ...it, seq }))
    expect(await verify(served, left, { drained: false })).toMatchObject({ ok: true, missing: 0, waiting: 10, before: 7 })
    expect(await verify(served, left)).toMatchObject({ ok: true, missing: 10, beforeLog: 10, waiting: 0, before: 7 })
  })

  test('a signal of which nothing arrived is missing, not "before"', async () => {
    const { served, rows } = scene()
    const left = rows.filter((it) => it.tag !== 'opc/item-2').map((it, seq) => ({ ...it, seq }))
    expect(await verify(served, left)).toMatchObject({ missing: SAMPLES, before: 0 })
  })

  test('a book that ends early: what came later is unbooked, no loss and no error', async () => {
    const { served, rows } = scene()
    served.ended = false
    for (const device of served.devices) {
      for (const range of [...device.polls, ...device.signals.flatMap((it) => it.ranges)]) range[1] -= 5
    }
    const signals = rows.length / SAMPLES
    const verdict = await verify(served, rows)
    expect(verdict).toMatchObject({ ok: true, ended: false, missing: 0, found: rows.length, unbooked: signals * 5 })
    expect(verdictLines(verdict).join('\n')).toContain('is not judged')
  })

  test('bad readings, other tags, other gateways and earlier runs are counted apart', async () => {
    const { served, rows } = scene()
    const row = rows[0] as Row
    const others = [
      { ...row, quality: 'bad', seq: rows.length },
      { ...row, tag: 'somewhere/else', seq: rows.length + 1 },
      { ...row, device: 'hf-2', seq: 0 },
      { ...row, ts: served.startedAt - 1, seq: rows.length + 2 },
      { no: 'reading' },
    ]
    const verdict = await verify(served, [...rows, ...others], { gateway: 'hf-1' })
    expect(verdict).toMatchObject({ ok: true, ...clean, bad: 1, otherRecords: 3, records: rows.length + 4 })
  })

  test('texts, bools, 64-bit integers as text, and another table of the same poll', async () => {
    const mixed: PlantPlan = {
      seed: 1,
      devices: [
        {
          protocol: 'modbus',
          name: 'm',
          unit: 1,
          counterTag: 'm/count',
          counterClass: 'process',
          everyMs: 1000,
          runs: [
            { tag: 'm/long', at: 'holding:2', type: 'int64', spec: { kind: 'counter' }, class: 'process' },
            {
              tag: 'm/text',
              at: 'holding:6',
              type: 'string:4',
              spec: { kind: 'text', words: ['one', 'three', 'five'], samplesEach: 2 },
              class: 'process',
            },
            { tag: 'm/coil', at: 'coil:0', type: 'bool', spec: { kind: 'bool', samplesOn: 1, samplesOff: 1 }, class: 'process' },
            { tag: 'm/input', at: 'input:0', type: 'uint16', spec: { kind: 'counter' }, class: 'process' },
          ],
        },
      ],
    }
    const served = emptyServed(mixed, START_MS)
    served.devices[0]?.polls.push([1, 4])
    const base = { device: 'hf-1', epoch: 'e', class: 'process', quality: 'good' }
    const text = signalOf({ kind: 'text', words: ['one', 'three', 'five'], samplesEach: 2 }, 1, 'm/text')
    const coil = signalOf({ kind: 'bool', samplesOn: 1, samplesOff: 1 }, 1, 'm/coil')
    const rows = [1, 2, 3].flatMap((n) => {
      const ts = served.startedAt + n * 1_000_000
      return [
        { ...base, tag: 'm/count', ts, value_long: n },
        { ...base, tag: 'm/long', ts, value_long: String(n) },
        { ...base, tag: 'm/text', ts, value_string: String(text(n)).slice(0, 4) },
        { ...base, tag: 'm/coil', ts, value_bool: coil(n) },
        // Read before the count went up.
        { ...base, tag: 'm/input', ts, value_long: n - 1 },
      ]
    })
    const numbered = rows.map((it, seq) => ({ ...it, seq }))
    expect(await verify(served, numbered, { plan: mixed })).toMatchObject({ ok: true, found: 15, ...clean })
    const late = numbered.map((it) =>
      it.tag === 'm/long' ? { ...it, value_long: String((it.ts - served.startedAt) / 1_000_000 - 1) } : it,
    )
    expect(await verify(served, late, { plan: mixed })).toMatchObject({ ok: false, wrong: 3 })
  })
})
