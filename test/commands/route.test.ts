// The route by commands alone: a plant, a Kafka and an agent, each a process of its own; what is said of them must be true.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import type { VerifyReport } from '../../src/core/verify.ts'
import { readTopic } from '../../src/topic-values.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const PORT = 29_460
const WAIT = { timeout: 90_000, interval: 500 }

let dir: string
let broker: Broker
const started: ChildProcess[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-route-'))
  broker = await startBroker({ portFrom: PORT })
  await createTopics(broker.bootstrap, 3)
})
afterAll(async () => {
  for (const it of started) it.kill('SIGKILL')
  await broker?.down()
  await rm(dir, { recursive: true, force: true })
})

function start(words: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [CLI, ...words], { stdio: 'ignore' })
  started.push(child)
  return child
}

async function holdfast(words: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (part) => (texts.out += part))
  child.stderr.on('data', (part) => (texts.err += part))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...texts }
}

async function statusOf(data: string): Promise<Status | undefined> {
  const { status, out } = await holdfast(['status', '--json', '--data', data])
  return status === 0 ? (JSON.parse(out) as Status) : undefined
}

const sum = <T>(list: readonly T[], of: (it: T) => number) => list.reduce((total, it) => total + of(it), 0)

test('what a plant serves is in Kafka once, and every command agrees', { timeout: 300_000 }, async () => {
  const settings = join(dir, 'settings.yaml')
  const data = join(dir, 'data')
  const books = join(dir, 'plant')
  const plant = start([
    'plant',
    '--protocols',
    'modbus',
    '--modbus-port',
    '0',
    '--dir',
    books,
    '--settings',
    settings,
    '--brokers',
    broker.bootstrap,
  ])
  await expect
    .poll(
      () =>
        access(settings).then(
          () => true,
          () => false,
        ),
      WAIT,
    )
    .toBe(true)
  expect((await holdfast(['check', settings, '--data', data])).status).toBe(0)

  const agent = start(['agent', '--settings', settings, '--data', data])
  await expect.poll(async () => sum((await statusOf(data))?.classes ?? [], (it) => it.delivered), WAIT).toBeGreaterThan(300)
  const { status: sources } = await holdfast(['sources', 'test', 'press-3', '--data', data])
  const { status: uplinks, out: steps } = await holdfast(['uplinks', 'test', 'cloud', '--data', data])
  expect({ sources, uplinks, steps }).toMatchObject({ sources: 0, uplinks: 0 })

  plant.kill('SIGTERM')
  await once(plant, 'close')
  // A source that is gone says so once for each tag: only then nothing more comes.
  await expect.poll(async () => (await statusOf(data))?.sources.every((it) => it.state === 'down'), WAIT).toBe(true)
  let accepted = -1
  await expect
    .poll(
      async () => {
        const classes = (await statusOf(data))?.classes ?? []
        const before = accepted
        accepted = sum(classes, (it) => it.accepted)
        return accepted === before && sum(classes, (it) => it.stored) === 0
      },
      { ...WAIT, interval: 1_500 },
    )
    .toBe(true)
  const seen = (await statusOf(data)) as Status
  for (const it of seen.classes)
    expect(it.accepted).toBe(it.delivered + it.stored + it.aggregated + sum(Object.values(it.lost), (count) => count))

  const proof = await holdfast(['verify', '--brokers', broker.bootstrap, '--json'])
  const report = JSON.parse(proof.out) as VerifyReport
  expect({ status: proof.status, ...report.totals }).toMatchObject({ status: 0, missing: 0, doubled: 0 })
  const raw = sum(
    report.streams.filter((it) => it.stream.form === 'raw'),
    (it) => it.proven,
  )
  expect(raw).toBe(sum(seen.classes, (it) => it.delivered))
  expect((await holdfast(['verify', '--settings', settings, '--data', data])).out).toMatch(/^OK: /m)

  const values: { seq?: unknown }[] = []
  await readTopic(
    [broker.bootstrap],
    TOPICS.telemetry,
    (it) => void values.push(it as { seq?: unknown }),
    new AbortController().signal,
  )
  expect(values.length).toBe(raw)
  for (const it of values) expect(it.seq).toBeTypeOf('number')
  await readTopic([broker.bootstrap], 'no.such.topic', () => expect.unreachable(), new AbortController().signal)

  agent.kill('SIGTERM')
  expect(await once(agent, 'close')).toEqual([0, null])
  expect((await holdfast(['status', '--data', data])).status).toBe(3)
  const served = await holdfast(['plant', 'verify', '--brokers', broker.bootstrap, '--dir', books])
  expect(served, served.out).toMatchObject({ status: 0 })
})
