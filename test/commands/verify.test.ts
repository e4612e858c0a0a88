import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { VerifyRequest } from '../../src/commands/command.ts'
import { Unreachable } from '../../src/core/errors.ts'
import type { VerifiedStream, VerifyReport } from '../../src/core/verify.ts'
import { runHere } from './surroundings.ts'

const ZERO = {
  records: 0,
  proven: 0,
  named: 0,
  elsewhere: 0,
  waiting: 0,
  stays: 0,
  expired: 0,
  missing: 0,
  doubled: 0,
  maybeDuplicate: 0,
  replayed: 0,
}

function stream(name: string, counts: Partial<VerifiedStream>): VerifiedStream {
  const epoch = '3f2a1b2c4d5e6f708192a3b4c5d6e7f8'
  return { stream: { device: 'hf-7f3a', epoch, class: name, form: 'raw' }, ...ZERO, holes: [], contradictions: [], ...counts }
}

function report(ok: boolean, streams: readonly VerifiedStream[]): VerifyReport {
  const totals = Object.fromEntries(
    Object.keys(ZERO).map((key) => [key, streams.reduce((sum, it) => sum + it[key as keyof typeof ZERO], 0)]),
  )
  const topics = [{ topic: 'holdfast.telemetry.v1', partitions: 6, records: totals.records ?? 0 }]
  return {
    ok,
    streams,
    totals: totals as typeof ZERO,
    topics,
    absent: ['holdfast.aggregates.v1'],
    unread: [],
    contradictions: [],
    foreign: 2,
    checkpoints: 3,
    seconds: 1.23,
  }
}

const good = report(true, [
  stream('alarm', { records: 1_200, proven: 1_200 }),
  stream('process', { records: 1_234_567, proven: 1_234_567, named: 12 }),
])
const bad = report(false, [
  stream('process', {
    records: 100,
    proven: 98,
    missing: 4,
    doubled: 2,
    holes: [
      { from: 7, to: 8 },
      { from: 40, to: 43 },
    ],
    contradictions: ['a checkpoint counts 120, there are 98'],
  }),
])

describe('verify', () => {
  test('a table for each device, and one line of verdict', async () => {
    const { status, out } = await runHere('verify --brokers localhost:9092', { verify: () => Promise.resolve(good) })
    expect(status).toBe(0)
    expect(out.split('\n')).toEqual([
      'device hf-7f3a',
      'CLASS    FORM  EPOCH        PROVEN  NAMED  MISSING  DOUBLED',
      'alarm    raw   3f2a1b2c      1,200      0        0        0',
      'process  raw   3f2a1b2c  1,234,567     12        0        0',
      '',
      'holdfast.aggregates.v1: there is no such topic',
      'holdfast.telemetry.v1: 1,235,767 records in 6 partitions',
      '2 records are not from a Holdfast box: left aside',
      'OK: 1,235,767 records, each once or named, 0 missing, 0 doubled (1.2 s)',
      '',
    ])
  })

  test('what stays on the box is none that waits', async () => {
    const kept = report(true, [stream('process', { records: 10, proven: 10, stays: 20 })])
    const { status, out } = await runHere('verify --brokers localhost:9092', { verify: () => Promise.resolve(kept) })
    expect(status).toBe(0)
    expect(out).toContain('EPOCH     PROVEN  STAYS  MISSING  DOUBLED')
    expect(out).toMatch(/0 doubled, 20 stay on the box or go elsewhere, as the settings say/)
  })

  test('what is missing or doubled fails it and is named', async () => {
    const { status, out } = await runHere('verify --brokers localhost:9092', { verify: () => Promise.resolve(bad) })
    expect(status).toBe(1)
    expect(out).toContain('hf-7f3a process raw 3f2a1b2c: missing 7, 40 to 42')
    expect(out).toContain('hf-7f3a process raw 3f2a1b2c: a checkpoint counts 120, there are 98')
    expect(out).toMatch(/^FAILED: 4 missing, 2 doubled, 1 contradicted by a checkpoint/m)
  })

  test('nothing to prove is said, not praised', async () => {
    const { out } = await runHere('verify --brokers localhost:9092', { verify: () => Promise.resolve(report(true, [])) })
    expect(out).toMatch(/^NOTHING TO PROVE/m)
  })

  test('--json is the report as it is', async () => {
    const { status, out, err } = await runHere('verify --brokers localhost:9092 --json', { verify: () => Promise.resolve(bad) })
    expect(status).toBe(1)
    expect(JSON.parse(out)).toEqual(bad)
    expect(err).toBe('')
  })

  test('brokers and device are handed on; a cluster that is away is exit 1 with what to do', async () => {
    const seen: VerifyRequest[] = []
    const verify = (request: VerifyRequest) => {
      seen.push(request)
      return Promise.reject(new Unreachable('refused', 'nothing listens there', { remedy: 'start it' }))
    }
    const { status, err } = await runHere('verify --brokers a:1,[::1]:2 --device hf-1', { verify })
    expect(status).toBe(1)
    expect(err).toBe('error nothing listens there\n    → start it\n')
    expect(seen).toMatchObject([{ brokers: ['a:1', '[::1]:2'], device: 'hf-1' }])
  })

  test('several clusters: each by itself, and all together', async () => {
    const clusters = [
      { brokers: 'a:1', report: good },
      { brokers: 'b:2', report: bad },
    ]
    const seen: VerifyRequest[] = []
    const verify = (request: VerifyRequest) => {
      seen.push(request)
      return Promise.resolve({ ...good, ok: false, clusters })
    }
    const line = 'verify --brokers a:1 --and b:2,c:3 --topics telemetry=x.{class}.v1,gaps=g --prefix up.'
    const { status, out } = await runHere(line, { verify })
    expect(status).toBe(1)
    expect(out).toMatch(
      /cluster a:1\n[^]*cluster b:2\n[^]*FAILED: 4 missing[^]*all clusters together\n[^]*, 1 of 2 clusters by itself/,
    )
    const topics = { telemetry: 'x.{class}.v1', gaps: 'g' }
    expect(seen).toMatchObject([{ brokers: ['a:1'], and: [{ brokers: ['b:2', 'c:3'] }], prefix: 'up.', topics }])
    for (const wrong of ['telemetry', 'meter=x', 'gaps=a/b']) {
      const answer = await runHere(`verify --brokers a:1 --topics ${wrong}`, { verify })
      expect(answer).toMatchObject({ status: 2, err: expect.stringContaining('ROLE=NAME') })
    }
  })

  test('an uplink of a settings file, its password from the store', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hf-verify-'))
    const file = join(dir, 'a.yaml')
    const one = (name: string) =>
      `  - { name: ${name}, kafka: { brokers: ["k:9093"], tls: {}, sasl: { mechanism: plain, user: u, password: { secret: ${name} } } } }\n`
    await writeFile(file, `version: 1\ndevice: { site: s }\nuplinks:\n${one('a')}${one('b')}`)
    const env = { HOLDFAST_SECRET_A: 'pass-a', HOLDFAST_SECRET_B: 'pass-b' }
    const seen: VerifyRequest[] = []
    const verify = (request: VerifyRequest) => {
      seen.push(request)
      return Promise.resolve(good)
    }
    const which = await runHere(`verify --settings ${file} --data ${dir}`, { verify }, env)
    expect(which).toMatchObject({ status: 2, err: expect.stringContaining('there are: a, b') })
    const done = await runHere(`verify --settings ${file} --uplink b --data ${dir}`, { verify }, env)
    await rm(dir, { recursive: true })
    expect(done.status).toBe(0)
    expect(seen).toMatchObject([
      { uplink: { kind: 'kafka', classes: ['default'], site: 's', settings: { sasl: { password: 'pass-b' } } } },
    ])
  })
})
