import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import modbus from 'modbus-serial'
import { expect, test } from 'vitest'
import { loadPlan } from '../../src/plant/presets.ts'
import { countIn } from '../../src/plant/ranges.ts'
import { readServed } from '../../src/plant/served.ts'
import { verifyPlant } from '../../src/plant/verify.ts'
import { plantOf, temporaryDir, until } from './helpers.ts'

const POLL_MS = 20

test('after kill -9 the book is whole and a second old at most; what came later is unbooked, not lost', async () => {
  await using at = await temporaryDir()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'plant.main.ts'), at.dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const reader = new modbus.default()
  await reader.connectTCP('127.0.0.1', { port: Number(line) })
  reader.setID(1)
  const rows: object[] = []
  const poll = async () => {
    const { data } = await reader.readHoldingRegisters(0, 10)
    const base = { device: 'hf', epoch: 'e', class: 'process', quality: 'good', ts: Date.now() * 1000 + rows.length }
    const count = (data[0] as number) * 65_536 + (data[1] as number)
    rows.push({ ...base, seq: rows.length, tag: 'modbus-1/count', value_long: count })
    for (let k = 0; k < 8; k++) rows.push({ ...base, seq: rows.length, tag: `modbus-1/r${k}`, value_long: data[k + 2] })
  }
  const inBook = async () => countIn((await readServed(at.dir)).served.devices[0]?.polls ?? [])
  await until('polls in the book', async () => {
    await poll()
    await new Promise((done) => setTimeout(done, POLL_MS))
    return (await inBook()) > 30
  })
  for (let k = 0; k < 10; k++) await poll()
  child.kill('SIGKILL')
  await once(child, 'exit')
  reader.destroy(() => {})

  const { plan, served } = await readServed(at.dir)
  const polls = rows.length / 9
  const booked = countIn(served.devices[0]?.polls ?? [])
  expect(served.ended).toBe(false)
  expect(booked).toBeGreaterThan(30)
  // One second's polls and the ten, with room for a busy machine: the book was read to be newer than the 31st poll.
  expect(booked).toBeLessThanOrEqual(polls)
  const readings = async (visit: (json: unknown) => void) => rows.forEach((row) => visit(row))
  const verdict = await verifyPlant({ plan, served, readings, drained: true })
  expect(verdict).toMatchObject({
    ok: true,
    ended: false,
    missing: 0,
    wrong: 0,
    found: rows.length,
    unbooked: (polls - booked) * 9,
  })
})

test('a plant that stops says so, and counts to the end', async () => {
  await using at = await temporaryDir()
  const plan = loadPlan(2, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 10, mqttSensors: 0 })
  const plant = await plantOf({ plan, dir: at.dir, modbus: { port: 0 } })
  const reader = new modbus.default()
  await reader.connectTCP('127.0.0.1', { port: plant.endpoints.modbusPorts?.['modbus-1'] as number })
  reader.setID(1)
  for (let k = 0; k < 5; k++) await reader.readHoldingRegisters(0, 10)
  await plant.stop()
  reader.destroy(() => {})
  const book = await readServed(at.dir)
  expect(book.plan).toEqual(plan)
  expect(book.served).toMatchObject({
    ended: true,
    startedAt: plant.served.startedAt,
    devices: [{ name: 'modbus-1', polls: [[1, 6]] }],
  })
})

test('a folder without a plant, a book of another run', async () => {
  await using at = await temporaryDir()
  await expect(readServed(at.dir)).rejects.toThrow(/plant.json: cannot be read/)
  const plant = await plantOf({
    plan: loadPlan(1, { opcuaItems: 0, mqttSensors: 0, modbusDevices: 1 }),
    dir: at.dir,
    modbus: { port: 0 },
  })
  await plant.stop()
  const path = join(at.dir, 'served.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"startedAt":\d+/, '"startedAt":5'))
  await expect(readServed(at.dir)).rejects.toThrow(/different runs/)
})
