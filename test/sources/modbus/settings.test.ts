import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { pointsOf } from '../../../src/sources/modbus/registers.ts'
import { modbusRtuOverTcpSettings, modbusRtuSettings, modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'

const line = { tag: 'a', register: 'holding:100', type: 'uint16', class: 'process' }
const tcp = (more: object, tags: object[] = [line]) =>
  modbusTcpSettings.safeParse({ host: '10.20.1.40', every: '1s', tags, ...more })

function problemsOf(result: ReturnType<typeof tcp>): string[] {
  return result.success ? [] : result.error.issues.map((it) => `${it.path.join('.')}: ${it.message}`)
}

describe('settings of a Modbus source', () => {
  test('the example of the product, with defaults filled in', () => {
    const tags = [
      {
        tag: 'hall-1/press-3/temperature',
        register: 'holding:100',
        type: 'float32',
        order: 'CDAB',
        unit: '°C',
        class: 'process',
      },
    ]
    expect(modbusTcpSettings.parse({ host: '10.20.1.40', unit: 1, every: '1s', tags })).toEqual({
      host: '10.20.1.40',
      connections: 1,
      port: 502,
      unit: 1,
      every: 1_000,
      timeout: 1_000,
      maxGap: 8,
      blockMax: 125,
      tags: [
        {
          tag: 'hall-1/press-3/temperature',
          register: { kind: 'holding', address: 100 },
          type: { name: 'float32' },
          order: 'CDAB',
          unit: '°C',
          class: 'process',
          count: 1,
        },
      ],
    })
  })

  test('a serial line has the defaults of the standard', () => {
    const tags = [{ tag: 'a', register: 'coil:7', class: 'process' }]
    const settings = modbusRtuSettings.parse({ path: '/dev/ttyUSB0', every: '250ms', tags })
    expect(settings).toMatchObject({ baud: 19_200, parity: 'even', dataBits: 8, stopBits: 1, unit: 1, every: 250 })
    expect(settings.tags[0]?.type).toEqual({ name: 'bool' })
  })

  test('count makes consecutive points of the type, numbered from 0', () => {
    const settings = modbusTcpSettings.parse({
      host: 'plc',
      every: '50ms',
      tags: [{ ...line, tag: 'zone-{n}/t', type: 'float32', count: 3 }],
    })
    expect(pointsOf(settings.tags, 1).map((it) => [it.tag, it.address, it.width])).toEqual([
      ['zone-0/t', 100, 2],
      ['zone-1/t', 102, 2],
      ['zone-2/t', 104, 2],
    ])
  })

  test.each<[string, object, RegExp]>([
    ['too fast', { every: '49ms' }, /every: allowed is 50 ms to 1 d/],
    ['no duration', { every: 'often' }, /every: allowed is a duration/],
    ['no port', { port: 70_000 }, /port:/],
    ['host with a port', { host: 'plc/1' }, /host: allowed is a host name/],
    ['no tags', { tags: [] }, /tags:/],
    ['unknown key', { speed: 3 }, /speed/],
    ['unit', { unit: 256 }, /unit:/],
    ['block over the protocol', { blockMax: 126 }, /blockMax:/],
  ])('refused: %s', (_, more, expected) => {
    expect(problemsOf(tcp(more)).join('\n')).toMatch(expected)
  })

  test.each<[string, object, RegExp]>([
    ['kind', { register: 'memory:3' }, /tags.0.register: allowed is coil:/],
    ['address', { register: 'holding:65536' }, /tags.0.register: allowed is coil:/],
    ['type', { type: 'int24' }, /tags.0.type: allowed is bool, bit:0/],
    ['bit', { type: 'bit:16' }, /tags.0.type: allowed is bool, bit:0/],
    ['string', { type: 'string:251' }, /tags.0.type: allowed is bool, bit:0/],
    ['number in a coil', { register: 'coil:1' }, /tags.0.type: a coil holds one bit/],
    ['bool in a register', { type: 'bool' }, /tags.0.type: holding registers have 16 bits/],
    ['no type', { type: undefined }, /tags.0.type: is needed for holding/],
    ['order of one register', { order: 'CDAB' }, /tags.0.order: uint16 has no words/],
    ['order of a string', { type: 'string:8', order: 'DCBA' }, /tags.0.order: string has no words/],
    ['order of a bit', { register: 'coil:1', type: 'bool', order: 'BADC' }, /tags.0.order: a single bit/],
    ['end', { register: 'holding:65534', type: 'float64' }, /tags.0.register: reaches address 65537/],
    ['end by count', { tag: '{n}', register: 'holding:65500', count: 100 }, /reaches address 65599/],
    ['scale 0', { scale: 0 }, /tags.0.scale: a scale of 0/],
    ['scale of a bit', { type: 'bit:3', scale: 2 }, /tags.0.scale: bit is not a number/],
    ['offset of a string', { type: 'string:3', offset: 2 }, /tags.0.offset: string is not a number/],
    ['count without place', { count: 2 }, /tags.0.tag: with count/],
    ['place without count', { tag: 'a-{n}' }, /tags.0.count: is needed/],
    ['no class', { class: undefined }, /tags.0.class/],
  ])('refused in a tag: %s', (_, more, expected) => {
    expect(problemsOf(tcp({}, [{ ...line, ...more }])).join('\n')).toMatch(expected)
  })

  test('refused: a tag twice, a value longer than a block', () => {
    expect(problemsOf(tcp({}, [line, { ...line, register: 'holding:7' }]))).toEqual(['tags.1.tag: a is there twice'])
    expect(problemsOf(tcp({ blockMax: 3 }, [{ ...line, type: 'int64' }]))).toEqual([
      'tags.0.type: takes 4 registers, more than blockMax (3)',
    ])
  })

  test('the schema can be printed', () => {
    const printed = z.toJSONSchema(modbusTcpSettings, { io: 'input' })
    expect(Object.keys(printed.properties ?? {})).toContain('host')
    expect(printed.required).toEqual(['host', 'every', 'tags'])
    expect(() => z.toJSONSchema(modbusRtuSettings, { io: 'input' })).not.toThrow()
  })

  test('several units: ranges and numbers, the tags of each by {unit}', () => {
    const tags = [{ ...line, tag: 'u{unit}/{n}', count: 2 }]
    const settings = modbusTcpSettings.parse({ host: 'plc', every: '1s', units: '3-5, 31', tags })
    expect(settings.units).toEqual([3, 4, 5, 31])
    expect(pointsOf(settings.tags, 31).map((it) => it.tag)).toEqual(['u31/0', 'u31/1'])
    expect(modbusRtuOverTcpSettings.parse({ host: 'terminal', port: 4_001, every: '1s', tags }).unit).toBe(1)
  })

  test.each<[string, object, RegExp]>([
    ['no list', { units: 'all' }, /units: allowed are numbers and ranges from 0 to 255/],
    ['backwards', { units: '9-3' }, /units: allowed are/],
    ['twice', { units: '1-3, 2' }, /units: allowed are .* each unit once/],
    ['too far', { units: '250-256' }, /units: allowed are/],
    ['unit too', { units: '1-2', unit: 7, tags: [{ ...line, tag: '{unit}' }] }, /unit: unit and units: give one of them/],
    ['no place in the tag', { units: '1-2' }, /tags.0.tag: with units, the tag needs \{unit\}/],
    ['no connection', { connections: 0 }, /connections:/],
    ['a tag of two units', { units: '1,11', tags: [{ ...line, tag: '{unit}{n}', count: 12 }] }, /tags.0.tag: 110 is there twice/],
  ])('refused: %s', (_, more, expected) => {
    expect(problemsOf(tcp(more)).join('\n')).toMatch(expected)
  })

  test('a terminal server has no usual port, and a serial line no unit 0', () => {
    const over = (more: object) => modbusRtuOverTcpSettings.safeParse({ host: 'terminal', every: '1s', tags: [line], ...more })
    expect(problemsOf(over({}) as ReturnType<typeof tcp>).join()).toMatch(/^port:/)
    expect(problemsOf(over({ port: 4_001, units: '0-3' }) as ReturnType<typeof tcp>).join()).toMatch(/from 1 to 247/)
  })
})
