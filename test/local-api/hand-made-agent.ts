// The agent's side as plain data: what the contract says and nothing behind it.
import type { AgentApi, BrowseSourceRequest, QueryRow, TrustSourceRequest } from '../../src/core/agent-api.ts'
import { BadInput } from '../../src/core/errors.ts'
import type { UplinkView } from '../../src/core/links.ts'
import type { CheckStep, LogInspection } from '../../src/core/log-files.ts'
import type { ScanRequest, ScanStep } from '../../src/core/scan.ts'
import { hostsOf } from '../../src/core/scan.ts'
import type { BrowseEntry, Certificate, Logger, TestStep } from '../../src/core/source.ts'
import type { BackupApi, OpenedBackup } from '../../src/core/backup.ts'
import type { SettingsApi, SettingsNow, WatchApi } from '../../src/core/operator.ts'
import type { ForecastRequest } from '../../src/core/retention.ts'
import type { SeenIssue, Status } from '../../src/core/status.ts'
import { forecast } from '../../src/retention/forecast.ts'

const DELIVERED = {
  delivery: { rule: 'all-uplinks', uplink: null, atRisk: { readings: 0, seconds: 0 }, lastSwitch: null },
  oldest: null,
} as const

export function statusNow(changes: Partial<Status> = {}): Status {
  const now = Date.now() * 1000
  return {
    device: 'hf-7f3a',
    site: 'plant-1',
    version: '0.1.0',
    epoch: '3f2a1b2c4d5e6f708192a3b4c5d6e7f8',
    startedAt: now - 8_040_000_000,
    clock: { synchronised: true, offsetMs: 0.3 },
    host: {
      cpu: { loadPercent: 23.4, cores: 2 },
      memory: { bytes: 8e9, usedBytes: 3.1e9, agentBytes: 312e6 },
      disk: { bytes: 64e9, freeBytes: 41.2e9 },
      temperature: 48.4,
    },
    log: {
      bytes: 12_300_000,
      bytesMax: 2_000_000_000,
      oldest: now - 3_200_000,
      sequence: 1_234_567,
      commits: 321,
      commitMs: { p50: 1.2, p99: 4.1 },
    },
    classes: [
      {
        name: 'alarm',
        accepted: 1_200,
        stored: 0,
        delivered: 1_200,
        aggregated: 0,
        lost: {},
        bytes: 40_000,
        step: 'raw',
        ...DELIVERED,
      },
      {
        name: 'process',
        accepted: 1_234_567,
        stored: 2_345,
        delivered: 1_232_210,
        aggregated: 0,
        lost: { unreadable: 7, 'out-of-range': 5 },
        bytes: 12_260_000,
        step: 'raw',
        ...DELIVERED,
      },
    ],
    sources: [
      {
        name: 'press-3',
        protocol: 'modbus-tcp',
        state: 'up',
        readings: 120_300,
        readingsPerSecond: 20,
        lastReading: now - 400_000,
      },
      {
        name: 'line-1',
        protocol: 'opcua',
        state: 'down',
        readings: 88_000,
        readingsPerSecond: 0,
        lastReading: now - 75_000_000,
        code: 'certificate-untrusted',
        lastError: 'the server certificate of opc.tcp://10.20.1.50:4840 (CN=line-1, SHA-256 7B:19:AA:C4) is not trusted',
        remedy:
          'compare the fingerprint with the one that the server shows; if it is the same: holdfast sources trust line-1 7B19AAC4',
      },
      {
        name: 'hall-broker',
        protocol: 'mqtt',
        state: 'up',
        readings: 9_912_345_678,
        readingsPerSecond: 51_234.5,
        lastReading: now - 90_000,
      },
    ],
    uplinks: [
      {
        name: 'cloud',
        state: 'up',
        readings: 1_233_410,
        lagReadings: 2_345,
        lagSeconds: 3.2,
        readingsPerSecond: 48_800,
        lane: { live: 1_200_000, backlog: 33_410 },
        etaSeconds: 4,
        blocked: [],
        parked: 0,
        transactions: 812,
      },
    ],
    notify: [
      {
        name: 'shift',
        kind: 'webhook',
        state: 'waiting',
        sent: 17,
        heldBack: 312,
        missed: 0,
        lastMissed: null,
        lastSent: 1_795_000_000_000_000,
        failures: 1,
        code: 'webhook-busy',
        lastError: 'andon.plant-1.example:443 answers 503',
      },
    ],
    issues: [
      {
        code: 'source-down',
        severity: 'warning',
        text: 'source line-1 is down since 75 s: its certificate is not trusted',
        remedy: 'approve the certificate: holdfast sources test line-1 shows it',
      },
    ],
    ...changes,
  }
}

const DOWN = { code: 'source-down', severity: 'warning', remedy: 'holdfast sources test press-3', of: 'press-3' } as const
const SEEN: readonly SeenIssue[] = [
  {
    code: 'log-full',
    severity: 'problem',
    text: 'The log is 91 % full',
    remedy: 'Restore the uplink.',
    begun: 1_795_000_600_000_000,
    ended: null,
    times: 1,
  },
  {
    ...DOWN,
    text: 'Source press-3 is down: 10.20.1.60:502 does not answer\u001b[2J',
    begun: 1_795_000_000_000_000,
    ended: 1_795_000_180_000_000,
    times: 3,
  },
]

const STEPS: Readonly<Record<string, readonly TestStep[]>> = {
  'press-3': [
    { step: 'connect', ok: true, detail: '10.20.1.40:502 answered in 3 ms' },
    { step: 'read', ok: true, detail: 'holding:100 float32 CDAB = 21.5 °C' },
  ],
  cloud: [
    { step: 'DNS', ok: true, detail: 'kafka.example.com is 10.1.2.3' },
    {
      step: 'TLS',
      ok: false,
      detail: 'the certificate is for other.example.com, and the settings name kafka.example.com',
      remedy: 'set tls.serverName, or give the broker a certificate for its name',
    },
  ],
}

async function* stepsOf(name: string): AsyncIterable<TestStep> {
  const steps = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined
  if (!steps) throw new BadInput([{ where: name, text: 'there is none of that name' }])
  yield* steps
}

const ENTRIES: readonly BrowseEntry[] = [
  { node: 'ns=1;s=Hall', name: 'Hall', path: ['Objects'], isFolder: true, value: null },
  {
    node: 'nsu=urn:acme:line;s=Speed',
    name: 'Speed',
    path: ['Objects', 'Hall'],
    isFolder: false,
    value: { kind: 'double', text: '21.5', quality: 'good', type: 'Double' },
    unit: 'm/s',
    range: [0, 40],
    line: { tag: 'Hall/Speed', node: 'nsu=urn:acme:line;s=Speed', unit: 'm/s' },
  },
  {
    node: 'ns=1;s=Broken',
    name: 'Broken\u001b[2J',
    isFolder: false,
    value: { kind: 'long', text: '', quality: 'bad', type: 'Int64' },
    line: { tag: 'Broken', node: 'ns=1;s=Broken' },
  },
]

async function* entriesOf({ name, search, limit }: BrowseSourceRequest): AsyncIterable<BrowseEntry> {
  if (!Object.hasOwn(STEPS, name)) throw new BadInput([{ where: name, text: 'there is none of that name' }])
  yield* ENTRIES.filter((it) => search === undefined || it.name.includes(search)).slice(0, limit)
}

const WAITING: Certificate = {
  fingerprint: '7B:19:AA:C4:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF',
  subject: 'CN=line-1\u001b[2J, O=Acme',
  validFrom: '2026-01-02T03:04:05.000Z',
  validTo: '2027-01-02T03:04:05.000Z',
  state: 'rejected',
}

async function* certificatesOf({ name, fingerprint }: TrustSourceRequest): AsyncIterable<Certificate> {
  if (name === 'hall-broker') return
  if (name !== 'line-1') throw new BadInput([{ where: name, text: 'there is none of that name' }])
  if (fingerprint === undefined) yield WAITING
  else if (fingerprint === '7B19AAC4') yield { ...WAITING, state: 'trusted' }
  else throw new BadInput([{ where: fingerprint, text: 'no rejected certificate has this fingerprint' }])
}

async function* scanOf({ address }: ScanRequest): AsyncIterable<ScanStep> {
  const hosts = hostsOf(address)
  if (typeof hosts === 'string') throw new BadInput([{ where: 'ADDRESS', text: hosts }])
  const nothing = { found: [], held: [], failed: [] }
  for (const [at, host] of hosts.entries()) {
    const step = { done: at + 1, all: hosts.length, host, ...nothing }
    if (host.endsWith('.2')) {
      const entry = { host, unit: 1, every: '1s' }
      yield { ...step, found: [{ protocol: 'modbus-tcp', address: `${host}:502/1`, detail: 'Acme PLC 3', entry }] }
    } else if (host.endsWith('.3')) yield { ...step, held: [{ protocol: 'modbus-tcp', source: 'press-3' }] }
    else yield step
  }
}

function kindOf(value: QueryRow['value']): QueryRow['kind'] {
  if (value instanceof Uint8Array) return 'bytes'
  const kinds = { bigint: 'long', boolean: 'bool', string: 'string' } as const
  return kinds[typeof value as keyof typeof kinds] ?? 'double'
}

const WINDOW: NonNullable<QueryRow['window']> = {
  length: 60_000_000,
  count: 10,
  good: 8,
  uncertain: 0,
  bad: 2,
  valued: 8,
  sum: 12,
  m2: 2,
  mean: 1.5,
  std: 0.5,
  min: 1,
  max: 2,
  first: 1,
  last: 2,
  firstTime: 1_795_000_000_000_000,
  lastTime: 1_795_000_000_900_000,
  changes: 0,
  sequenceFrom: 0,
  sequenceTo: 9,
}

export function rowAt(index: number, value: QueryRow['value'] = index / 2): QueryRow {
  const time = 1_795_000_000_000_000 + index * 100_000
  return {
    tag: 'a',
    time,
    kind: kindOf(value),
    value,
    quality: 'good',
    status: 0,
    sequence: index,
    received: time + 1_500,
    class: 'process',
    unit: '°C',
  }
}

const DAY_MS = 86_400_000
const RULES = { floorBytes: 0, whenFull: 'reduce', offlineForMs: 0, delivering: true } as const

/** The product's example, at the rates of a wind turbine. */
export const OUTAGE: Omit<ForecastRequest, 'offlineMs'> = {
  bytesMax: 2e9,
  blockBytesMax: 1.8e9,
  bands: [],
  bytesWrittenPerDay: 400e6,
  flashEnduranceBytes: 2e12,
  classes: [
    { ...RULES, name: 'sale', whenFull: 'wait', ladder: [], readingsPerSecond: 0.01, bytesPerReading: 40, series: 10 },
    { ...RULES, name: 'alarm', floorBytes: 100e6, ladder: [], readingsPerSecond: 0.5, bytesPerReading: 30, series: 50 },
    {
      ...RULES,
      name: 'process',
      ladder: [
        { offlineForMs: 7 * DAY_MS, keep: { windowMs: 10_000 } },
        { offlineForMs: 30 * DAY_MS, keep: { windowMs: 300_000 } },
        { filledTo: 0.8, keep: { windowMs: 60_000 } },
      ],
      readingsPerSecond: 1_000,
      bytesPerReading: 1.5,
      series: 1_000,
    },
    {
      ...RULES,
      name: 'debug',
      ladder: [
        { offlineForMs: DAY_MS, keep: 'nothing' },
        { filledTo: 0.5, keep: 'nothing' },
      ],
      readingsPerSecond: 500,
      bytesPerReading: 1.5,
      series: 200,
    },
  ],
}

const SOUND = { segment: null, class: null, form: null, bytes: 4096, blocks: 2, readings: 20, damage: [] } as const

/** Of a journal that is whole, and a segment with a block that is not. */
async function* stepsOfLog(givenUp: number): AsyncIterable<CheckStep> {
  yield { done: 4_096, all: 104_096, file: SOUND, givenUp: 0, said: [] }
  const damage = [
    { what: 'the block of process 0 to 499', offset: 120, readings: 500, stream: 'hf-7f3a:3f2a:process:raw', first: 0 },
  ]
  const file = { ...SOUND, segment: 7, class: 'process', form: 'raw' as const, bytes: 100_000, damage }
  yield { done: 104_096, all: 104_096, file, givenUp, said: [] }
}

const INSPECTION: LogInspection = {
  epoch: '3f2a1b2c4d5e6f708192a3b4c5d6e7f8',
  bytes: 104_096,
  journalBytes: 4_096,
  segments: [
    {
      id: 7,
      class: 'process',
      form: 'raw',
      bytes: 100_000,
      blockBytes: 90_000,
      blocks: 3,
      readings: 1_500,
      pending: 1_000,
      timeFrom: 0,
      timeTo: 1,
    },
  ],
  streams: [{ device: 'hf-7f3a', epoch: '3f2a', class: 'process', form: 'raw', next: 2_000, blocks: 3, bytes: 90_000 }],
  ledger: [{ class: 'process', form: 'raw', action: 'dropped', reason: 'full', lines: 1, count: 500 }],
  rebuilt: null,
}

const UNTIL = Date.UTC(2040, 0, 1) * 1000
const VIEWS: readonly UplinkView[] = [
  {
    name: 'cloud',
    state: 'up',
    link: 'wwan0',
    wait: null,
    classes: [
      { name: 'alarm', sent: true },
      { name: 'process', sent: false, code: 'window', text: 'its window opens 2040-01-01 00:00 UTC', until: UNTIL },
    ],
    links: [
      { interface: 'eth1', up: false, address: null, classes: ['alarm', 'process'], bytesPerSecondMax: null, budget: null },
      {
        interface: 'wwan0',
        up: true,
        address: '10.64.0.2',
        classes: ['alarm'],
        bytesPerSecondMax: 20_000,
        budget: {
          bytes: 500e6,
          per: 'month',
          zone: 'UTC',
          spentBytes: 125e6,
          countedBytes: 120e6,
          leftBytes: 375e6,
          from: 0,
          until: UNTIL,
          isUnknown: false,
        },
      },
    ],
    windows: [{ at: '22:00-06:00', zone: 'UTC', classes: 'all', open: false, next: UNTIL }],
    lastError: null,
  },
]

const RULE_EVENT = JSON.stringify({
  rule: 'press-hot',
  device: 'hf-7f3a',
  tag: 'hall-1/press-3/temperature',
  time: 1_795_000_000_000_000,
  value: 81.5,
  unit: '°C',
  quality: 'good',
})

const BACKUP: OpenedBackup = {
  device: 'hf-9c01',
  madeAt: 1_795_000_000_000_000,
  version: '0.1.0',
  settings: 'version: 1\ndevice: { id: hf-9c01 }\n',
  secrets: ['cloud'],
  keys: ['exports: the key that signs them', 'opcua: own certificate and key'],
  ledger: [],
  ledgerLines: 0,
  check: {
    problems: [],
    changes: [{ path: 'device.id', old: 'hf-7f3a', new: 'hf-9c01' }],
    restarts: ['agent'],
    warnings: ['replace hf-9c01?'],
  },
}

function backups(): BackupApi {
  return {
    backupSave: () =>
      Promise.resolve({ name: 'hf-7f3a-20261124T101500Z.backup.age', file: '-----BEGIN AGE ENCRYPTED FILE-----\n' }),
    backupOpen: () => Promise.resolve(BACKUP),
    backupRestore: () => operator().settings(),
  }
}

function operator(): SettingsApi & WatchApi {
  const now: SettingsNow = {
    text: 'version: 1\n',
    revision: '0'.repeat(64),
    pending: null,
    notInForce: [],
    system: { ports: [], timeServers: [] },
  }
  return {
    settings: () => Promise.resolve(now),
    settingsCheck: () => Promise.resolve({ problems: [], changes: [], restarts: [], warnings: [] }),
    settingsApply: () => Promise.resolve(now),
    settingsConfirm: () => Promise.resolve(now),
    settingsRevert: () => Promise.resolve(now),
    settingsHistory: () => Promise.resolve([]),
    settingsText: () => Promise.resolve(now.text),
    secrets: () => Promise.resolve([]),
    setSecret: () => Promise.resolve(),
    removeSecret: () => Promise.resolve(),
    withoutSecrets: (text) => Promise.resolve(text),
    async *live() {},
  }
}

export function handMadeAgent(changes: Partial<AgentApi> = {}): AgentApi {
  return {
    status: () => Promise.resolve(statusNow()),
    issues: () => Promise.resolve(SEEN),
    uplinks: () => Promise.resolve(VIEWS),
    commands: () => Promise.resolve([]),
    testSource: stepsOf,
    testUplink: stepsOf,
    testNotifier: stepsOf,
    browseSource: entriesOf,
    trustSource: certificatesOf,
    certificates: () => Promise.resolve([]),
    takeEvents: ({ from, events }) => Promise.resolve({ next: (events.at(-1)?.position ?? from - 1) + 1 }),
    scan: scanOf,
    exportKey: () => Promise.resolve({ device: 'hf-7f3a', epoch: '3f2a', key: 'ed25519:x', uplink: 'cloud' }),
    async *exportFiles() {},
    fileIsWhole: () => Promise.resolve(),
    models: () => Promise.resolve({ addon: { version: '1' }, models: [{ name: 'pump', bytes: 10, version: '3' }] }),
    addModel: ({ offset }) => Promise.resolve({ bytes: offset + 3, name: 'pump', version: '3' }),
    removeModel: () => Promise.resolve(),
    takeReceipt: () => Promise.resolve({ counted: 0, known: 0, ignored: 0 }),
    ...operator(),
    ...backups(),
    async *query({ tag, limit, every }) {
      if (tag === 'nothing') return
      const values: QueryRow['value'][] = [
        1.5,
        9_007_199_254_740_993n,
        true,
        'a "quoted", text',
        new Uint8Array([0, 255]),
        null,
        Number.NaN,
      ]
      for (let index = 0; index < Math.min(limit, values.length); index++) {
        const row = rowAt(index, values[index] as QueryRow['value'])
        yield every === undefined ? row : { ...row, value: 1.5, window: WINDOW }
      }
    },
    async *testRule({ name = 'given', limit }) {
      const event = { time: 1_795_000_000_000_000, text: RULE_EVENT }
      const sums = { readings: 7, aggregated: 60, events: 3, late: 1, overflowed: 0, errors: 2, lastError: 'no such overload' }
      const times = { readFrom: 1, readTo: 9, first: event.time, last: event.time + 2, kept: null }
      const step = { rule: name, share: 0.5, isLast: false, isWhole: true, ...sums, ...times, found: [event] }
      if (name === 'unknown') throw new BadInput([{ where: name, text: 'there is no rule of this name in the settings' }])
      yield { ...step, found: limit > 0 ? [event] : [] }
      yield { ...step, share: 1, isLast: true, found: [] }
    },
    async *follow() {
      yield { type: 'position', position: 'p1-0-', isCaughtUp: true }
    },
    forecast: (offlineMs) => Promise.resolve(forecast({ ...OUTAGE, offlineMs })),
    logCheck: () => stepsOfLog(0),
    logRepair: () => stepsOfLog(500),
    logInspect: () => Promise.resolve(INSPECTION),
    async *ledger() {},
    logDays: () => Promise.resolve([]),
    async *logExport() {
      yield { done: 10, all: 10, rows: [{ ...rowAt(0), device: 'hf-7f3a', epoch: '3f2a' }] }
    },
    ...changes,
  }
}

export const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
