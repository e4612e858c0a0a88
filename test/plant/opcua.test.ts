import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PlantPlan } from '../../src/plant/plan.ts'
import { signalsOf } from '../../src/plant/plan.ts'
import { countIn, holds } from '../../src/plant/ranges.ts'
import { signalOf } from '../../src/plant/signals.ts'
import { accepts, plantOf, temporaryDir, until } from './helpers.ts'

interface Change {
  readonly node: string
  readonly ts: number
  readonly value: number | boolean | string | null
  readonly status: number
}

const PYTHON = join(import.meta.dirname, '../../.cache/venv/bin/python')
const SEED = 11
const plan: PlantPlan = {
  seed: SEED,
  devices: [
    {
      protocol: 'opcua',
      name: 'line-1',
      runs: [
        {
          tag: 'l/sine-{n}',
          at: 'sine-{n}',
          count: 3,
          spec: { kind: 'sine', mean: 5, amplitude: 2, samplesPerTurn: 50 },
          class: 'process',
          periodMs: 50,
        },
        // Change seldom: every sample must come all the same.
        {
          tag: 'l/state',
          at: 'state',
          spec: { kind: 'text', words: ['a', 'b'], samplesEach: 100 },
          class: 'process',
          periodMs: 100,
        },
        { tag: 'l/jam', at: 'jam', spec: { kind: 'bool', samplesOn: 1, samplesOff: 500 }, class: 'alarm', periodMs: 100 },
        { tag: 'l/count', at: 'count', spec: { kind: 'counter' }, class: 'process', periodMs: 100 },
        {
          tag: 'l/heat',
          at: 'heat',
          spec: { kind: 'recording', recording: 'machine-temperature', column: 'value' },
          class: 'process',
          periodMs: 100,
        },
      ],
    },
  ],
}
const signals = signalsOf(plan.devices[0] as PlantPlan['devices'][0])

/** Starts asyncua on all nodes; what comes in is in `changes`. */
function reader(endpoint: string, seconds: number, login: readonly [string, string, string] = ['', '', '']) {
  const child = spawn(PYTHON, [
    join(import.meta.dirname, 'opcua_reader.py'),
    endpoint,
    String(seconds),
    ...login,
    ...signals.map((it) => it.at),
  ])
  const changes: Change[] = []
  let errors = ''
  createInterface({ input: child.stdout }).on('line', (line) => changes.push(JSON.parse(line) as Change))
  child.stderr.on('data', (bytes) => (errors += String(bytes)))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, errors }))
  return { changes, ended, [Symbol.asyncDispose]: async () => void child.kill('SIGKILL') }
}

describe('the OPC UA server', () => {
  // One folder: making keys takes seconds.
  let at: Awaited<ReturnType<typeof temporaryDir>>
  beforeAll(async () => {
    at = await temporaryDir()
  })
  afterAll(() => at[Symbol.asyncDispose]())

  test('asyncua gets each sample once, with its time and value, and the book has just these', async () => {
    await using plant = await plantOf({ plan, dir: at.dir, opcua: { port: 0 } })
    await using it = reader(plant.endpoints.opcua as string, 5)
    expect(await it.ended).toMatchObject({ code: 0 })
    for (const [i, signal] of signals.entries()) {
      const book = plant.served.devices[0]?.signals[i]
      if (!book) throw new Error(signal.tag)
      const value = signalOf(signal.spec, SEED, signal.tag)
      const samples = it.changes
        .filter((change) => change.node === signal.at)
        .map((change) => ({ ...change, n: (change.ts - book.t0) / book.period }))
      expect(samples.length).toBeGreaterThan(20)
      const first = samples[0]?.n as number
      expect(samples.map(({ n }) => n)).toEqual(samples.map((_, k) => first + k))
      expect(samples.map((change) => change.value)).toEqual(samples.map(({ n }) => value(n)))
      expect(samples.every(({ n }) => holds(book.ranges, n))).toBe(true)
      // What was queued when the reader left is served too, and one run: nothing in between went by.
      expect(book.ranges.length).toBe(1)
      expect(book.ranges[0]?.[0]).toBe(first)
    }
  })

  test('serves nothing to nobody', async () => {
    await using plant = await plantOf({ plan, dir: at.dir, opcua: { port: 0 } })
    await using it = reader(plant.endpoints.opcua as string, 1)
    await it.ended
    const count = () => plant.served.devices[0]?.signals.reduce((sum, signal) => sum + countIn(signal.ranges), 0) ?? 0
    await until('end of the session', () => count() > 0)
    const before = count()
    await new Promise((done) => setTimeout(done, 500))
    expect(count()).toBe(before)
  })

  test('Basic256Sha256 with user and password; nobody else', async () => {
    await using plant = await plantOf({ plan, dir: at.dir, opcua: { port: 0, users: { gateway: 'secret' } } })
    const endpoint = plant.endpoints.opcua as string
    await using allowed = reader(endpoint, 2, ['gateway', 'secret', at.dir])
    expect(await allowed.ended).toMatchObject({ code: 0 })
    expect(allowed.changes.length).toBeGreaterThan(5)
    await using wrong = reader(endpoint, 2, ['gateway', 'guess', at.dir])
    const refused = await wrong.ended
    expect(refused.code).not.toBe(0)
    expect(refused.errors).toMatch(/BadUserAccessDenied|BadIdentityTokenRejected/)
    await using anonymous = reader(endpoint, 2)
    expect((await anonymous.ended).code).not.toBe(0)
  })

  test('faults: bad status, every third sample, away and back on its port', async () => {
    await using plant = await plantOf({ plan, dir: at.dir, opcua: { port: 0 } })
    await using it = reader(plant.endpoints.opcua as string, 60)
    const count = () => it.changes.filter((change) => change.node === 'count')
    await until('values', () => count().length > 3)
    plant.setFault('line-1', { kind: 'wrong' })
    await until('a bad one', () => count().some(({ status }) => status >>> 31 === 1))
    const book = plant.served.devices[0]?.signals.find((signal) => signal.tag === 'l/count')
    expect(countIn(book?.bad ?? [])).toBeGreaterThan(0)
    plant.setFault('line-1', { kind: 'slow', everyNth: 3 })
    await until(
      'slow ones',
      () =>
        count().at(-1)?.status === 0 &&
        count()
          .slice(-3)
          .every(({ value }) => (value as number) % 3 === 0),
    )
    plant.setFault('line-1', { kind: 'stop' })
    const port = Number(new URL(plant.endpoints.opcua as string).port)
    await until('a port that is closed', async () => !(await accepts(port)))
    plant.setFault('line-1', { kind: 'none' })
    await until('the server', () => accepts(port))
    await using again = reader(plant.endpoints.opcua as string, 1)
    expect(await again.ended).toMatchObject({ code: 0 })
    expect(again.changes.length).toBeGreaterThan(5)
  })
})
