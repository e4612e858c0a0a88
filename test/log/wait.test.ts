// A class that gives nothing up: at its bound its own appends wait, and nobody else's.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { countOf } from '../../src/core/intervals.ts'
import type { Settings } from '../../src/core/settings.ts'
import type { HostStatus, Status } from '../../src/core/status.ts'
import { spaceOf } from '../../src/log/space.ts'
import { statusOf } from '../../src/pipeline/report.ts'
import type { OpenedLog } from './helpers.ts'
import { books, bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

const MB = 1_000_000
const BYTES_MAX = 32 * MB
const ALARM_FLOOR = 2 * MB
const CLASSES = [
  classNamed('alarms', { floorBytes: ALARM_FLOOR }),
  classNamed('sale', { whenFull: 'wait' }),
  classNamed('process', { ladder: [{ offlineForMs: 1e12, keep: { windowMs: 60_000 } }] }),
]

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
let largest = 0
beforeEach(() => {
  temp = tempDir()
  largest = 0
})
afterEach(() => temp.remove())

function open(): void {
  log = openTestLog(temp.dir, { bytesMax: BYTES_MAX, classes: CLASSES }, () => {
    largest = Math.max(largest, bytesOnDisk(temp.dir))
  })
}

function source(name: string) {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: name, class: name, kind: 'bytes' })
  const random = noise(name.length)
  return (count: number) => {
    for (let i = 0; i < count; i++) builder.addBytes(series, T0, random(4000))
    return log.append(builder.take(T0))
  }
}

/** Due commits, each with what the keeper then has to do. */
function settle(rounds = 3): void {
  for (let i = 0; i < rounds; i++) {
    log.clock.tick(1000)
    log.work()
    largest = Math.max(largest, bytesOnDisk(temp.dir))
  }
}

const account = (name: string) => log.writer.figures().classes.find((it) => it.name === name)
const lostOf = (name: string) => Object.values(account(name)?.lost ?? {}).reduce((sum, n) => sum + n, 0)

/** Appends until one is not acknowledged; says which. */
function fillUp(append: (count: number) => number): number {
  for (let round = 0; round < 400; round++) {
    const id = append(50)
    settle()
    if (!log.acked.includes(id)) return id
  }
  throw new Error('all of it found room')
}

function deliver(transactions: number): void {
  for (let n = 1; n <= transactions; n++) {
    const { ranges } = log.keeper.next({ ...NEXT, lane: 'backlog', except: ['process', 'alarms'] })
    log.writer.offer('kafka', ranges, {})
    log.writer.commit('kafka', ranges, n, [])
    log.clock.tick(1000)
  }
}

test('its appends stay unacknowledged at its bound; others are acknowledged and reduced; after delivery it goes on', () => {
  open()
  const [alarms, sale, process] = CLASSES.map((it) => source(it.name)) as [
    ReturnType<typeof source>,
    ReturnType<typeof source>,
    ReturnType<typeof source>,
  ]
  expect(log.writer.figures().waiting).toEqual([])
  const held = fillUp(sale)
  const accepted = account('sale')?.accepted as number
  // It has what the floor of the other leaves it, less what every append needs.
  expect(account('sale')?.bytes).toBeGreaterThan(spaceOf(BYTES_MAX).segmentsBytesMax - ALARM_FLOOR - 5 * MB)
  expect(log.writer.figures()).toMatchObject({ waiting: ['sale'], disk: 'roomy' })
  // More than there is room for, several times over.
  for (let round = 0; round < 120; round++) {
    const ids = [process(100), alarms(round < 10 ? 40 : 0)]
    settle(2)
    for (const id of ids) expect(log.acked).toContain(id)
  }
  expect(log.acked).not.toContain(held)
  expect(account('sale')).toMatchObject({ accepted, stored: accepted, lost: {}, aggregated: 0 })
  expect(account('process')).toMatchObject({ accepted: 12_000 })
  expect((account('process')?.aggregated ?? 0) + lostOf('process')).toBeGreaterThan(9000)
  expect(account('alarms')).toMatchObject({ accepted: 400, stored: 400, lost: {} })
  checkBooks(temp.dir, log.writer.figures())

  log.writer.restart('kafka', 'none')
  log.keeper.restart('kafka', new Map(), [])
  deliver(20)
  settle()
  expect(log.acked).toContain(held)
  expect(log.writer.figures().waiting).toEqual([])
  const next = sale(50)
  settle()
  expect(log.acked).toContain(next)
  expect(account('sale')).toMatchObject({ accepted: accepted + 100, lost: {}, aggregated: 0 })
  checkBooks(temp.dir, log.writer.figures())
  expect(log.failures).toEqual([])
  expect(largest).toBeLessThanOrEqual(BYTES_MAX)
  log.close()
})

test('it takes the place of what others hold above their floors, and never their floors', () => {
  open()
  const [alarms, sale, process] = CLASSES.map((it) => source(it.name)) as [
    ReturnType<typeof source>,
    ReturnType<typeof source>,
    ReturnType<typeof source>,
  ]
  for (let i = 0; i < 60; i++) {
    alarms(50)
    process(50)
    settle(2)
  }
  expect(account('alarms')?.bytes).toBeGreaterThan(ALARM_FLOOR)
  fillUp(sale)
  expect(lostOf('sale')).toBe(0)
  expect(account('alarms')?.bytes).toBeGreaterThanOrEqual(ALARM_FLOOR)
  const kept = books(temp.dir).find((it) => it.class === 'alarms')
  expect(kept?.stored).toHaveLength(1)
  expect(countOf(kept?.stored ?? [])).toBe(account('alarms')?.stored)
  expect(largest).toBeLessThanOrEqual(BYTES_MAX)
  checkBooks(temp.dir, log.writer.figures())
  log.close()
})

// Fails today (100 commits): writer.ts counts what waits at its bound as urgent, and tries again every 20 ms with all classes.
test('while it waits, however urgent, the others are committed no more often than they ask for', () => {
  open()
  const [, sale, process] = CLASSES.map((it) => source(it.name)) as [unknown, (n: number) => number, (n: number) => number]
  fillUp(sale)
  log.writer.hurry()
  const { commits } = log.writer.figures()
  for (let i = 0; i < 200; i++) {
    process(1)
    log.clock.tick(10)
  }
  // Two seconds, a commit each.
  expect(log.writer.figures().commits - commits).toBeLessThanOrEqual(4)
  log.close()
})

test('status names a class that waits, and a disk that is full', () => {
  open()
  const figures = log.writer.figures()
  log.close()
  const settings = { device: { id: 'box-1', site: '' }, delivery: {} } as unknown as Settings
  const parts = { settings, version: '1', startedAt: 0, standingIssues: [], sources: [], uplinks: [], turn: () => undefined }
  const status = (more: Partial<typeof figures>) =>
    statusOf(parts, { ...figures, ...more }, {} as HostStatus, {} as Status['clock'], T0)
  expect(status({}).issues).toEqual([])
  const { issues, log: shown } = status({ waiting: ['sale'], disk: 'full' })
  expect(issues.map((it) => [it.code, it.severity])).toEqual([
    ['disk-full', 'problem'],
    ['class-waits', 'problem'],
  ])
  expect(issues[1]?.text).toContain('sale')
  expect(Object.keys(shown)).not.toContain('waiting')
})
