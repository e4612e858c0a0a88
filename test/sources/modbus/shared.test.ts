// Several units on one way: one request at a time, one connection, and units that are dead leave the others their rate.
import { describe, expect, test } from 'vitest'
import { createLines } from '../../../src/sources/modbus/lines.ts'
import { createModbusRtuOverTcp, createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusRtuOverTcpSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Reading } from './help.ts'
import { contextOf, start, until } from './help.ts'
import type { Heard } from './wires.ts'
import { dataFor, startWire, WAYS } from './wires.ts'

const tags = [{ tag: 'u{unit}/r{n}', register: 'holding:0', type: 'uint16', count: 10, class: 'process' }]

/** Counts what is asked while an answer is outstanding. */
function oneAtATime(answer: (heard: Heard, done: () => void) => void) {
  const seen = { open: 0, most: 0, units: new Set<number>() }
  const device = (heard: Heard) => {
    seen.open++
    seen.most = Math.max(seen.most, seen.open)
    seen.units.add(heard.unit)
    answer(heard, () => seen.open--)
  }
  return { seen, device }
}

describe.each(WAYS)('%s', (way) => {
  test('units of one source are asked one after the other; each has its tags', async () => {
    const { seen, device } = oneAtATime((heard, done) => {
      setTimeout(() => {
        done()
        heard.send(wire.answer(heard, dataFor(heard)))
      }, 3)
    })
    const wire = await startWire(way, device)
    const reading = start(wire.open({ units: '1-3, 9', every: '100ms', timeout: '2s', tags }, contextOf('four')))
    await until('ten polls', () => reading.polls.flat().filter((it) => it.tag === 'u9/r9').length >= 10)
    const status = reading.source.status()
    await reading.stop()
    await wire.stop()
    expect(seen.most).toBe(1)
    expect(wire.connections()).toBe(1)
    expect(status).toMatchObject({ state: 'up', details: { units: 4, unitsUp: 4, blocks: 4 } })
    const all = reading.polls.flat()
    expect(all.every((it) => it.quality === 'good' && it.value === BigInt(it.tag.split('r')[1] as string))).toBe(true)
    expect(new Set(all.map((it) => it.tag)).size).toBe(40)
  })

  test('a unit that is dead is named; the others go on; it is back when it answers', async () => {
    let isDead = true
    const wire = await startWire(way, (heard) => {
      if (heard.unit === 2 && isDead) return
      heard.send(wire.answer(heard, dataFor(heard)))
    })
    const reading = start(wire.open({ units: '1-3', every: '50ms', timeout: '200ms', tags }, contextOf('three')))
    await until('the second is away', () => {
      const { code, details } = reading.source.status()
      return code === 'units-down' && details?.unitsUp === 2
    })
    const status = reading.source.status()
    expect(status).toMatchObject({ state: 'up', details: { units: 3, unitsUp: 2, unitsDown: '2' } })
    expect(status.lastError).toMatch(/^1 of 3 units do not answer: 2; unit 2 /)
    const of = (unit: number) => reading.polls.flat().filter((it) => it.tag === `u${unit}/r0`)
    const before = of(1).length
    await until('the others go on', () => of(1).length > before + 40 && of(3).length > before + 40)
    expect(of(2).map((it) => it.status)).toEqual([256])
    isDead = false
    await until('it is back', () => of(2).at(-1)?.quality === 'good', 60_000)
    await until('all are up', () => reading.source.status().code === undefined)
    expect(reading.source.status()).toMatchObject({ state: 'up', details: { unitsUp: 3 } })
    await reading.stop()
    await wire.stop()
    expect(of(2).filter((it) => it.quality === 'bad')).toHaveLength(1)
  })
})

describe('sources of one host', () => {
  const open = (port: number, units: readonly number[], more: object = {}): Reading[] => {
    const tcp = createModbusTcp(createLines())
    return units.map((unit) =>
      start(
        tcp.open(
          modbusTcpSettings.parse({ host: '127.0.0.1', port, unit, every: '50ms', timeout: '2s', tags, ...more }),
          contextOf(`unit-${unit}`),
        ),
      ),
    )
  }

  test.each([
    [1, {}],
    [2, { connections: 2 }],
  ])('have %i connection(s) together', async (expected, more) => {
    const { seen, device } = oneAtATime((heard, done) => {
      setTimeout(() => {
        done()
        heard.send(wire.answer(heard, dataFor(heard)))
      }, 2)
    })
    const wire = await startWire('modbus-tcp', device)
    const probe = wire.open({ unit: 1, every: '1s', tags }, contextOf('port'))
    const port = probe.status().details?.port as number
    const readings = open(port, [1, 2, 3, 4, 5], more)
    await until('polls of each', () => readings.every((it) => it.polls.length >= 5))
    await Promise.all(readings.map((it) => it.stop()))
    await wire.stop()
    expect(wire.connections()).toBe(expected)
    expect(seen.most).toBeLessThanOrEqual(expected)
    expect(readings.flatMap((it) => it.polls.flat()).every((it) => it.quality === 'good')).toBe(true)
  })

  test('that is away: each says so, none is shut out when it is back', async () => {
    let isAway = false
    const wire = await startWire('modbus-tcp', (heard) => {
      if (isAway) heard.hangUp()
      else heard.send(wire.answer(heard, dataFor(heard)))
    })
    const probe = wire.open({ unit: 1, every: '1s', tags }, contextOf('port'))
    const readings = open(probe.status().details?.port as number, [1, 2, 3])
    await until('up', () => readings.every((it) => it.source.status().state === 'up'))
    isAway = true
    await until('down', () => readings.every((it) => it.source.status().state === 'down'))
    isAway = false
    await until('up again', () => readings.every((it) => it.source.status().state === 'up'), 40_000)
    await Promise.all(readings.map((it) => it.stop()))
    await wire.stop()
    expect(readings.flatMap((it) => it.polls.flat()).filter((it) => it.quality === 'bad')).toHaveLength(30)
  })

  test('that are to be spoken to in two ways: the second is told so', async () => {
    const wire = await startWire('modbus-tcp', (heard) => heard.send(wire.answer(heard, dataFor(heard))))
    const port = wire.open({ unit: 1, every: '1s', tags }, contextOf('port')).status().details?.port as number
    const lines = createLines()
    const one = start(
      createModbusTcp(lines).open(modbusTcpSettings.parse({ host: '127.0.0.1', port, every: '50ms', tags }), contextOf('one')),
    )
    await until('up', () => one.source.status().state === 'up')
    const other = start(
      createModbusRtuOverTcp(lines).open(
        modbusRtuOverTcpSettings.parse({ host: '127.0.0.1', port, every: '50ms', tags }),
        contextOf('other'),
      ),
    )
    await until('refused', () => other.source.status().code === 'line-settings-differ')
    expect(other.source.status().remedy).toMatch(/same/)
    await Promise.all([one.stop(), other.stop()])
    await wire.stop()
  })
})
