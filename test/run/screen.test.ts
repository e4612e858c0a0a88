import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import type { View } from './screen.ts'
import { oneLine, screen } from './screen.ts'

const NOW = 1_700_000_000_000_000

const DELIVERED = {
  delivery: { rule: 'all-uplinks', uplink: null, atRisk: { readings: 0, seconds: 0 }, lastSwitch: null },
  oldest: null,
} as const
const status: Status = {
  device: 'hf-1',
  site: 'plant-1',
  version: '0',
  epoch: '00112233445566778899aabbccddeeff',
  startedAt: NOW,
  clock: { synchronised: true, offsetMs: 0 },
  host: {
    cpu: { loadPercent: 1, cores: 2 },
    memory: { bytes: 1, usedBytes: 1, agentBytes: 1 },
    disk: { bytes: 1, freeBytes: 1 },
    temperature: null,
  },
  log: { bytes: 50e6, bytesMax: 100e6, oldest: null, sequence: 1, commits: 1, commitMs: { p50: 1, p99: 2 } },
  classes: [
    {
      name: 'process',
      accepted: 1234,
      stored: 4,
      delivered: 1220,
      aggregated: 0,
      lost: { overflow: 10 },
      bytes: 1,
      step: 'raw',
      ...DELIVERED,
    },
    { name: 'debug', accepted: 0, stored: 0, delivered: 0, aggregated: 0, lost: {}, bytes: 0, step: 'raw', ...DELIVERED },
  ],
  sources: [
    { name: 'line', protocol: 'opcua', state: 'up', readings: 1230, readingsPerSecond: 99.6, lastReading: NOW - 200_000 },
    {
      name: 'press',
      protocol: 'modbus-tcp',
      state: 'down',
      lastError: 'refused\u001B[2Jby the press, and a text that is longer than any terminal '.repeat(3),
      readings: 4,
      readingsPerSecond: 0,
      lastReading: null,
    },
  ],
  uplinks: [
    {
      name: 'cloud',
      state: 'up',
      readings: 1220,
      lagReadings: 4,
      lagSeconds: 0.2,
      readingsPerSecond: 98,
      lane: { live: 98, backlog: 0 },
      etaSeconds: null,
      blocked: [],
      parked: 0,
      transactions: 3,
    },
  ],
  issues: [{ code: 'source-down', severity: 'problem', text: 'press is down', remedy: 'look' }],
}

const events = Array.from({ length: 30 }, (_, at) => `event ${at}`)
const view: View = { seconds: 3661, status, agent: 'running', kafka: 'running', isCableCut: false, events, now: NOW }

function plain(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replaceAll(/\u001B\[[0-9;]*m/g, '')
}

describe.each([
  [80, 24],
  [120, 50],
  [60, 16],
  [30, 8],
  [10, 3],
])('a terminal of %d columns and %d rows', (columns, rows) => {
  const lines = screen(view, columns, rows).map(plain)

  test('is filled to its edges and no further', () => {
    expect(lines).toHaveLength(rows)
    expect(lines.filter((it) => it.length > columns)).toEqual([])
  })

  test('gets nothing that moves the cursor', () => {
    expect(lines.filter((it) => /\p{Cc}/u.test(it))).toEqual([])
  })
})

test('80 × 24 shows in, log, out, classes, issues, the newest events and the keys', () => {
  const text = screen(view, 80, 24).map(plain).join('\n')
  for (const it of [
    '01:01:01',
    'line',
    '0.2 s ago',
    'refused',
    '50.0 MB of 100.0 MB',
    'cloud',
    '1,234',
    'press is down',
    'event 29',
    'q quit',
  ]) {
    expect(text).toContain(it)
  }
  expect(text).not.toContain('event 0\n')
})

test('where the page is, and what claims the box until somebody has', () => {
  const page = { url: 'https://127.0.0.1:29607', claimCode: 'ABCD-EFGH' }
  expect(
    screen({ ...view, page }, 80, 24)
      .map(plain)
      .join('\n'),
  ).toContain('https://127.0.0.1:29607   claim code ABCD-EFGH')
  const claimed = screen({ ...view, page: { ...page, claimCode: undefined } }, 80, 24).map(plain)
  expect(claimed[2]).toContain('https://127.0.0.1:29607')
  expect(claimed.join('\n')).not.toContain('claim code')
})

test('while the agent is away that is what it says', () => {
  const text = screen({ ...view, status: undefined, agent: 'killed', kafka: 'killed', isCableCut: true }, 80, 24)
    .map(plain)
    .join('\n')
  expect(text).toContain('The agent was killed')
  expect(text).toContain('uplink cable cut')
})

test('one line holds each source, the uplink and the problems', () => {
  const text = oneLine(view)
  expect(text).toContain('line 100/s, press down')
  expect(text).toContain('cloud up, out 98/s, lag 4 readings 0.2 s')
  expect(text).toContain('issues: source-down')
})
