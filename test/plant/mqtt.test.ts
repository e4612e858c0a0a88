import { connect } from 'mqtt'
import { describe, expect, test } from 'vitest'
import { signalsOf } from '../../src/plant/plan.ts'
import type { PlantPlan } from '../../src/plant/plan.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { addTo, countIn, holds } from '../../src/plant/ranges.ts'
import type { Range } from '../../src/plant/ranges.ts'
import { signalOf } from '../../src/plant/signals.ts'
import { mosquitto, plantOf, temporaryDir, until } from './helpers.ts'

const SEED = 4
const plan: PlantPlan = loadPlan(SEED, { opcuaItems: 0, modbusDevices: 0, mqttSensors: 5, mqttPeriodMs: 20 })
const signals = signalsOf(plan.devices[0] as PlantPlan['devices'][0])

interface Message {
  readonly topic: string
  readonly text: string
}

/** A subscriber of everything under plant/, there before the plant. */
async function subscriber(url: string) {
  const messages: Message[] = []
  const client = connect(url, { clientId: 'reader', clean: false, reconnectPeriod: 100 })
  client.on('message', (topic, payload) => messages.push({ topic, text: payload.toString() }))
  client.on('error', () => {})
  client.on('connect', () => client.subscribe('plant/#', { qos: 1 }))
  await until('subscription', () => client.connected)
  await client.subscribeAsync('plant/#', { qos: 1 })
  return { messages, [Symbol.asyncDispose]: () => client.endAsync(true) }
}

describe('the MQTT publisher', () => {
  test('one reading a message, counted when the broker has acknowledged it', async () => {
    await using at = await temporaryDir()
    await using broker = await mosquitto(at.dir)
    await using reader = await subscriber(broker.url)
    const plant = await plantOf({ plan, dir: at.dir, mqtt: { url: broker.url } })
    await until('messages', () => reader.messages.length > 500)
    await plant.stop()
    const books = plant.served.devices[0]?.signals ?? []
    const total = books.reduce((sum, it) => sum + countIn(it.ranges), 0)
    await until('all that was acknowledged', () => reader.messages.length >= total)
    expect(reader.messages.length).toBe(total)
    for (const [i, signal] of signals.entries()) {
      const value = signalOf(signal.spec, SEED, signal.tag)
      const of = reader.messages
        .filter((it) => it.topic === signal.at)
        .map((it) => JSON.parse(it.text) as { ts: number; value: number; n: number })
      const { t0, period, ranges } = books[i] as (typeof books)[0]
      expect(of.map(({ n }) => n)).toEqual(of.map((_, k) => (of[0]?.n ?? 0) + k))
      expect(of.every(({ ts, n }) => ts * 1000 === t0 + n * period)).toBe(true)
      expect(of.map((it) => it.value)).toEqual(of.map(({ n }) => value(n)))
      expect(ranges).toEqual([[of[0]?.n, (of.at(-1)?.n ?? 0) + 1]])
    }
  })

  test('a broker that is killed and comes back: samples wait for it, what may be there twice is noted', async () => {
    await using at = await temporaryDir()
    await using broker = await mosquitto(at.dir)
    await using plant = await plantOf({ plan, dir: at.dir, mqtt: { url: broker.url } })
    const book = () => plant.served.devices[0]?.signals[0] as { ranges: Range[]; resent: Range[] }
    await until('samples', () => countIn(book().ranges) > 20)
    await broker.kill()
    const before = countIn(book().ranges)
    await new Promise((done) => setTimeout(done, 500))
    expect(countIn(book().ranges)).toBeLessThanOrEqual(before + 1)
    await broker.start()
    await until('more samples', () => countIn(book().ranges) > before + 50)
    // Nothing was skipped while the broker was away.
    expect(book().ranges.length).toBe(1)
    for (const [from] of book().resent) expect(holds(book().ranges, from)).toBe(true)
  })

  test('faults: unreadable payloads are booked apart; slow; away', async () => {
    await using at = await temporaryDir()
    await using broker = await mosquitto(at.dir)
    await using reader = await subscriber(broker.url)
    await using plant = await plantOf({ plan, dir: at.dir, mqtt: { url: broker.url } })
    const books = plant.served.devices[0]?.signals ?? []
    await until('messages', () => reader.messages.length > 20)
    plant.setFault('mqtt', { kind: 'wrong' })
    const isUnreadable = (it: Message) => {
      try {
        JSON.parse(it.text)
        return false
      } catch {
        return true
      }
    }
    await until('unreadable ones', () => reader.messages.filter(isUnreadable).length > 20)
    plant.setFault('mqtt', { kind: 'slow', everyNth: 5 })
    const from = reader.messages.length
    await until('slow ones', () => reader.messages.length > from + 60)
    const last = reader.messages.slice(-30).map((it) => (JSON.parse(it.text) as { n: number }).n)
    expect(last.every((n) => n % 5 === 0)).toBe(true)
    plant.setFault('mqtt', { kind: 'stop' })
    const bad: Range[] = []
    for (const it of books) for (const [a, b] of it.bad) for (let n = a; n < b; n++) addTo(bad, n)
    await until(
      'all bad ones booked',
      () => books.reduce((sum, it) => sum + countIn(it.bad), 0) === reader.messages.filter(isUnreadable).length,
    )
    expect(bad.length).toBeGreaterThan(0)
    const stopped = reader.messages.length
    await new Promise((done) => setTimeout(done, 300))
    expect(reader.messages.length).toBeLessThanOrEqual(stopped + 5)
    plant.setFault('mqtt', { kind: 'none' })
    await until('messages again', () => reader.messages.length > stopped + 20)
  })
})
