// Versions that are ill in other ways than by an agent that dies: without a network, with a full disk, with a log of a later format. Each gives up by
// itself, and the version before reads on from a log that has all that it had, or refuses it and says so.
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import type { UpdateStatus } from '../../src/core/update.ts'
import { openOfflineLog } from '../../src/offline-log.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { goesOn, isWhole, kept } from './kept.ts'
import { copyOf } from './machine.ts'
import { readPlant } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const NO_NETWORK = '99.1.0-development'
const DISK_FULL = '99.2.0-development'
const LATER_LOG = '99.3.0-development'
const LATER_FORMAT = 9
const PLAN = loadPlan(13, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 10, mqttSensors: 0 })

/** What it leaves lies on the partition of the log, and stays there: no version that comes after takes away what it does not know. */
const FILL = `
it=/data/log/left-by-a-version
fallocate -l "$(df -B1 --output=avail /data/log | tail -1)" $it
cat /dev/zero >> $it
`
const LATER = `
const db = new (require('better-sqlite3'))('/data/log/journal.db')
db.prepare("UPDATE meta SET value = '${LATER_FORMAT}' WHERE key = 'format'").run()
db.close()
`
const agent = (text: string) => ({ 'etc/systemd/system/holdfast-agent.service.d/sick.conf': `[Service]\n${text}\n` })
const VERSIONS = {
  [NO_NETWORK]: {
    'etc/systemd/system/systemd-networkd.service.d/sick.conf': '[Unit]\nConditionPathExists=/nowhere\n',
  },
  [DISK_FULL]: { ...agent('ExecStartPre=+-/bin/sh /usr/lib/holdfast/fill'), 'usr/lib/holdfast/fill': FILL },
  // It brings its log to a format of its own and dies. What the one before has left goes, as somebody would have to see to.
  [LATER_LOG]: {
    ...agent(
      'ExecStartPre=+/bin/rm -f /data/log/left-by-a-version\n' +
        "ExecStart=\nExecStart=/bin/sh -c '/usr/lib/holdfast/node /usr/lib/holdfast/later.cjs; exit 1'",
    ),
    'usr/lib/holdfast/later.cjs': LATER,
  },
}

let dir: string
let box: Box
let plant: Plant
let well: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-ill-'))
  plant = await startPlant({ plan: PLAN, dir, modbus: { port: 0, portEach: true }, failed: (error) => console.error(error) })
  box = newBox(board, VERSIONS, { plantReachesUs: true })
  const [, id = '', version = ''] = await box.up()
  well = version
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
  await readPlant(box, id, PLAN, plant, [])
  await until('the log grows', async () => (await kept(box).catch(() => 0)) > 100, BOOT_MS_MAX, 2_000)
}, 5 * BOOT_MS_MAX)
afterAll(async () => {
  await box?.remove()
  await plant?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const TIMES = { timeout: 8 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX }

/** Installed by a version that is well, and left alone until that one runs again. What it says of it. */
async function fellBackFrom(version: string): Promise<UpdateStatus> {
  await box.installFromStick(version)
  const begun = performance.now()
  const [, , ill] = await box.up()
  expect(ill).toBe(version)
  await box.machine().goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
  console.log(`${version} gave up ${Math.round((performance.now() - begun) / 1000)} s after its start`)
  const [, , after] = await box.up()
  expect(after).toBe(well)
  await box.logIn()
  const now = await box.sees('it is over', (it) => it.job === null)
  console.log(now.last?.text)
  expect(now).toMatchObject({ version: well, last: { outcome: 'fell-back', version }, minimum: { version: well } })
  return now
}

test('without a network: what the plant does not answer is not excused, and the version before reads on', TIMES, async () => {
  const numbers = await kept(box)
  const { last } = await fellBackFrom(NO_NETWORK)
  expect(last?.text).toMatch(/source \S+: the box has no way any more to 10\.20\.1\.2 by port /)
  await goesOn(box, numbers)
  await isWhole(box)
})

test(
  'with a disk that it has filled, which stays full: the version before goes on with what its log has set aside, and says so',
  TIMES,
  async () => {
    const numbers = await kept(box)
    const { last } = await fellBackFrom(DISK_FULL)
    expect(last?.text).toMatch(/log: The disk that the log lies on (is full|has no room)|agent: /)
    await goesOn(box, numbers)
    await isWhole(box)
    const { issues, classes } = await box.ask<Status>('status')
    expect(issues).toContainEqual(
      expect.objectContaining({ code: expect.stringMatching(/^disk-(full|short)$/), remedy: expect.stringMatching(/./) }),
    )
    // A box that stays full for long enough gives up its oldest readings: by the ladder, named, and no other.
    for (const { name, accepted, delivered, stored, aggregated, lost } of classes) {
      expect(
        Object.keys(lost).filter((it) => it !== 'full'),
        name,
      ).toEqual([])
      expect(delivered + stored + aggregated + (lost['full'] ?? 0), name).toBe(accepted)
    }
    expect(classes[0]?.lost).toEqual({})
  },
)

test(
  'with a log of a later format: the version before leaves it as it is and says what to do; page and console work',
  TIMES,
  async () => {
    const numbers = await kept(box)
    const { last } = await fellBackFrom(LATER_LOG)
    expect(last?.text).toContain('agent')
    const away = await box.anna().call('status')
    expect(away.status).toBe(503)
    expect(away.text).toContain(`the log has format ${LATER_FORMAT}, this version reads`)
    const { status, text } = await box.anna().call('logs', { service: 'agent' })
    expect(status, text).toBe(200)
    expect(text).toContain(`the log has format ${LATER_FORMAT}, this version reads`)
    expect(text).toContain('start the version that wrote it')
    expect((await box.anna().call('network show')).status).toBe(200)
    box.machine().type('\r')
    await box.machine().says(/ ! the agent does not answer/)

    await box.machine().off()
    const log = join(copyOf(box.disk, 'data', 'left'))
    const db = new Database(join(log, 'journal.db'))
    expect(db.prepare("SELECT value FROM meta WHERE key = 'format'").pluck().get()).toBe(String(LATER_FORMAT))
    // As the version that wrote it would read it: nothing but the number is another.
    db.prepare("UPDATE meta SET value = '3' WHERE key = 'format'").run()
    db.close()
    await hasAll(log, numbers)
  },
)

/** Of a log that no agent has open. */
async function hasAll(log: string, numbers: number): Promise<void> {
  const data = join(dirname(log), 'data')
  mkdirSync(data)
  renameSync(log, join(data, 'log'))
  const opened = await openOfflineLog(data)
  try {
    const { streams } = await opened.logInspect(undefined)
    expect(Math.max(...streams.map((it) => it.next))).toBeGreaterThanOrEqual(numbers)
    const damage = []
    for await (const it of opened.logCheck(new AbortController().signal)) damage.push(...it.file.damage)
    expect(damage).toEqual([])
  } finally {
    await opened.close()
  }
}
