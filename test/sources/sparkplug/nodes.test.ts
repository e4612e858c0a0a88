// What depends on time, with a clock of our own: requests, giving up, devices that do not come back, and bounds.
import { describe, expect, test } from 'vitest'
import protobuf from 'protobufjs/minimal.js'
import { BatchBuilder } from '../../../src/core/batch.ts'
import { newNodes } from '../../../src/sources/sparkplug/nodes.ts'
import { sparkplugSettings } from '../../../src/sources/sparkplug/settings.ts'
import { newTags } from '../../../src/sources/sparkplug/tags.ts'
import { addressOf } from '../../../src/sources/sparkplug/topics.ts'
import { decodePayload } from '../../../src/sources/sparkplug/wire.ts'
import { rowReader } from '../mqtt/harness.ts'

const T = 1_790_000_000_000

interface Given {
  readonly name?: string
  readonly alias?: number
  readonly value: number
}

/** A payload with doubles. */
function payload(seq: number, metrics: readonly Given[], ms = T): Buffer {
  const out = protobuf.Writer.create().uint32(0x08).uint64(ms)
  for (const { name, alias, value } of metrics) {
    const metric = protobuf.Writer.create()
    if (name !== undefined) metric.uint32(0x0a).string(name).uint32(0x20).uint32(10)
    if (alias !== undefined) metric.uint32(0x10).uint64(alias)
    out.uint32(0x12).bytes(metric.uint32(0x69).double(value).finish())
  }
  return Buffer.from(out.uint32(0x18).uint64(seq).finish())
}

function rig() {
  const settings = sparkplugSettings.parse({ url: 'mqtt://h', insecure: 'a test', class: 'process' })
  const builder = new BatchBuilder(1)
  const toRows = rowReader()
  const asked: number[] = []
  let at = 0
  let isLinked = true
  const nodes = newNodes({
    tags: newTags(settings, builder),
    builder,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    ask() {
      if (isLinked) asked.push(at / 1000)
      return isLinked
    },
    unreadable() {},
  })
  const came = () => ({ now: (T + at) * 1000, at, isFull: false, isAgain: false })
  return {
    nodes,
    asked,
    send(topic: string, bytes: Uint8Array, more: object = {}) {
      const address = addressOf(`spBv1.0/${topic}`)
      if (!address) throw new Error(topic)
      nodes.take(address, bytes, { ...came(), ...more })
    },
    pass(seconds: number) {
      for (let n = 0; n < seconds; n++) {
        at += 1000
        nodes.tick(came())
      }
    },
    link: (is: boolean) => void (isLinked = is),
    returned: () => nodes.returned(at),
    took() {
      const batch = builder.take((T + at) * 1000)
      return {
        rows: toRows(batch).map(({ tag, value, quality }) => [tag, value, quality]),
        refused: Object.fromEntries(batch.refused.map(({ reason, count }) => [reason, count])),
      }
    },
  }
}

const NBIRTH = payload(0, [{ name: 'a', alias: 1, value: 0 }])

describe('requests for a birth', () => {
  test('come at once, then more and more seldom', () => {
    const it = rig()
    it.send('g/NDATA/n', payload(5, [{ alias: 1, value: 1 }]))
    it.send('g/NDATA/n', payload(6, [{ alias: 1, value: 2 }]))
    expect(it.asked).toEqual([0])
    it.pass(1000)
    expect(it.asked).toEqual([0, 10, 30, 70, 150, 310, 610, 910])
  })

  test('wait for a connection, and end with the birth', () => {
    const it = rig()
    it.link(false)
    it.send('g/NDATA/n', payload(5, [{ alias: 1, value: 1 }]))
    it.pass(5)
    expect(it.asked).toEqual([])
    it.link(true)
    it.pass(1)
    it.send('g/NBIRTH/n', NBIRTH)
    it.pass(100)
    expect(it.asked).toEqual([6])
  })

  test('do not come faster for a node that dies and speaks again and again', () => {
    const it = rig()
    for (let n = 0; n < 20; n++) {
      it.send('g/NDATA/n', payload(5, [{ alias: 1, value: 1 }]))
      it.send('g/NDEATH/n', payload(0, []))
      it.pass(1)
    }
    expect(it.asked).toEqual([0, 5, 10, 15])
  })

  test('go to ten nodes a second at most', () => {
    const it = rig()
    for (let n = 0; n < 25; n++) it.send(`g/NDATA/n${n}`, payload(5, [{ alias: 1, value: 1 }]))
    expect(it.asked).toHaveLength(10)
    it.pass(1)
    expect(it.asked).toHaveLength(20)
    it.pass(1)
    expect(it.asked).toHaveLength(25)
  })
})

describe('a node that does not answer', () => {
  test('and was born: goes on by the old birth, uncertain, until it is born again', () => {
    const it = rig()
    it.send('g/NBIRTH/n', NBIRTH)
    it.pass(10)
    it.took()
    it.send('g/NDATA/n', payload(5, [{ alias: 1, value: 1 }]))
    expect(it.took().rows).toEqual([])
    it.pass(45)
    expect(it.took()).toEqual({ rows: [['g/n/a', 1, 1]], refused: {} })
    it.send(
      'g/NDATA/n',
      payload(6, [
        { alias: 1, value: 2 },
        { alias: 9, value: 2 },
      ]),
    )
    expect(it.took()).toEqual({ rows: [['g/n/a', 2, 1]], refused: { 'no-birth': 1 } })
    expect(it.nodes.counts).toMatchObject({ 'sequence-gap': 1, 'rebirth-unanswered': 1 })
    it.send('g/NBIRTH/n', NBIRTH)
    it.send('g/NDATA/n', payload(1, [{ alias: 1, value: 3 }]))
    expect(it.took().rows).toEqual([
      ['g/n/a', 0, 0],
      ['g/n/a', 3, 0],
    ])
  })

  test('and never was born: what says its own name and type is read, the rest is named', () => {
    const it = rig()
    it.send(
      'g/NDATA/n',
      payload(5, [
        { alias: 1, value: 1 },
        { name: 'b', value: 2 },
      ]),
    )
    it.pass(45)
    expect(it.took()).toEqual({ rows: [['g/n/b', 2, 1]], refused: { 'no-birth': 1 } })
  })

  test('and is silent since we are back: its tags become bad', () => {
    const it = rig()
    it.send('g/NBIRTH/n', NBIRTH)
    it.send('g/DBIRTH/n/d', payload(1, [{ name: 'b', value: 0 }]))
    it.took()
    it.returned()
    it.pass(45)
    expect(it.took().rows).toEqual([
      ['g/n/a', undefined, 2],
      ['g/n/d/b', undefined, 2],
    ])
    it.pass(100)
    expect(it.took().rows).toEqual([])
  })
})

test('a device that does not follow its node into a new birth becomes bad', () => {
  const it = rig()
  it.send('g/NBIRTH/n', NBIRTH)
  it.send('g/DBIRTH/n/d', payload(1, [{ name: 'b', value: 0 }]))
  it.send('g/DBIRTH/n/e', payload(2, [{ name: 'c', value: 0 }]))
  it.took()
  it.send('g/NBIRTH/n', NBIRTH)
  it.send('g/DBIRTH/n/e', payload(1, [{ name: 'c', value: 0 }]))
  expect(it.took().rows).toEqual([])
  it.pass(29)
  expect(it.took().rows).toEqual([])
  it.pass(2)
  expect(it.took().rows).toEqual([['g/n/d/b', undefined, 2]])
})

test('a birth that says what we had already adds nothing', () => {
  const it = rig()
  it.send('g/NBIRTH/n', NBIRTH)
  it.send('g/NBIRTH/n', NBIRTH)
  it.send('g/NBIRTH/n', payload(0, [{ name: 'a', alias: 1, value: 0 }], T + 1))
  expect(it.took().rows).toEqual([
    ['g/n/a', 0, 0],
    ['g/n/a', 0, 0],
  ])
})

test('the sequence runs over node and devices, from 255 to 0; what came with DUP is not taken twice', () => {
  const it = rig()
  it.send('g/NBIRTH/n', NBIRTH)
  it.send('g/DBIRTH/n/d', payload(1, [{ name: 'b', alias: 2, value: 0 }]))
  for (let n = 2; n < 600; n++)
    it.send(n % 2 === 0 ? 'g/NDATA/n' : 'g/DDATA/n/d', payload(n & 255, [{ alias: n % 2 === 0 ? 1 : 2, value: n }], T + n))
  it.send('g/DDATA/n/d', payload(599 & 255, [{ alias: 2, value: 599 }], T + 599), { isAgain: true })
  expect(it.took().rows).toHaveLength(600)
  expect(it.nodes.counts).toEqual({ duplicates: 1 })
})

test('what waits is bounded; beyond, metrics are counted as overflow', () => {
  const it = rig()
  const metrics = Array.from({ length: 1000 }, (_, n) => ({ alias: n, value: n }))
  const bytes = payload(0, metrics)
  const each = Math.floor(2_000_000 / (bytes.length + 200))
  for (let node = 0; node < 12; node++) for (let n = 0; n < each + 1; n++) it.send(`g/NDATA/n${node}`, bytes)
  const { refused } = it.took()
  const waiting = Math.min(12 * each, Math.floor(16_000_000 / (bytes.length + 200)))
  expect(it.nodes.figures().waitingBytes).toBe(waiting * (bytes.length + 200))
  expect(refused.overflow).toBe((12 * (each + 1) - waiting) * 1000)
})

describe('no payload', () => {
  const nested = (depth: number): Buffer => {
    let bytes: Uint8Array = new Uint8Array(0)
    for (let n = 0; n < depth; n++) {
      const template = protobuf.Writer.create().uint32(0x12).bytes(bytes).finish()
      bytes = protobuf.Writer.create()
        .uint32((18 << 3) | 2)
        .bytes(template)
        .finish()
    }
    return Buffer.from(protobuf.Writer.create().uint32(0x12).bytes(bytes).finish())
  }

  test.each([
    ['cut off', Buffer.from('12050a', 'hex')],
    ['an endless varint', Buffer.alloc(20, 0xff)],
    ['a number where a text belongs', Buffer.from('12020801', 'hex')],
    ['a group', Buffer.alloc(1_000_000, 0x0b)],
    ['a length beyond its end', Buffer.from('12020aff01', 'hex')],
    ['field 0', Buffer.from('0001', 'hex')],
    ['nested without end', nested(400)],
    ['more parts than memory', Buffer.from('1200'.repeat(300_000), 'hex')],
  ])('%s', (_what, bytes) => {
    expect(() => decodePayload(bytes)).toThrow()
    const it = rig()
    it.send('g/NDATA/n', bytes)
    expect(it.took()).toEqual({ rows: [], refused: { unreadable: 1 } })
  })

  test('what later versions may add is passed over', () => {
    expect(decodePayload(Buffer.from('a00601180a', 'hex'))).toEqual({ seq: 10n })
  })
})
