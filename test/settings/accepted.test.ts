// What a start takes from the one before: the very check of the very same, or none.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeWhole } from '../../src/machine/whole-file.ts'
import type { AcceptedParts } from '../../src/settings/accepted.ts'
import { ACCEPTED_BYTES_MAX, acceptedFile, openAccepted } from '../../src/settings/accepted.ts'
import type { CheckedSettings } from '../../src/settings/read.ts'
import { unlessAccepted } from '../../src/workers/accepted-settings.ts'
import type { CheckedApart } from '../../src/workers/read-settings.ts'
import { checkSettingsApart } from '../../src/workers/read-settings.ts'
import { until } from '../route/until.ts'

const PASSWORD = 'correct horse battery staple'
const TEXT = `version: 1
device: { site: { var: hall } }
log: { bytesMax: 64MB }
uplinks:
  - name: cloud
    kafka: { brokers: ["k:9093"], insecure: a test, sasl: { mechanism: plain, user: u, password: { secret: cloud } } }
`

let dir: string
let parts: AcceptedParts & { readonly valuesFile: string }
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-accepted-'))
  const valuesFile = join(dir, 'values.yaml')
  parts = { file: join(dir, 'settings.yaml'), dir, deviceId: 'hf-1', valuesFile, env: {}, build: 'one' }
  writeFileSync(valuesFile, 'hall: here\n')
  setSecret(PASSWORD)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const setSecret = (text: string) => writeFileSync(join(dir, 'secrets.json'), JSON.stringify({ cloud: text }), { mode: 0o600 })

/** As an agent starts, with how often it had to check; `meanwhile` while it does. */
function startOf(by: AcceptedParts, meanwhile = () => {}) {
  const told = { checks: 0, notKept: [] as Error[] }
  const { file, deviceId, valuesFile, env } = by
  const check = async (text: string, ranBefore: boolean): Promise<CheckedApart> => {
    told.checks++
    const asked = { file, dir, deviceId, env, text, ranBefore, ...(valuesFile !== undefined && { valuesFile }) }
    const found = await checkSettingsApart(asked)
    meanwhile()
    return found
  }
  const start = unlessAccepted(openAccepted(by, writeWhole), check, (error) => void told.notKept.push(error))
  return { told, start }
}

const kept = () => until('it is kept', async () => statSync(acceptedFile(dir), { throwIfNoEntry: false }), 20_000)
const settingsOf = ({ checked }: CheckedApart) => ('settings' in checked ? checked.settings : undefined)

/** As if a start had checked it: what the first test here sees a real one yield. */
async function keptBefore(ranBefore = false): Promise<void> {
  const accepted = openAccepted(parts, writeWhole)
  await accepted.keep((await accepted.key(TEXT)) as Buffer, { ranBefore, checked: {} as CheckedSettings })
}

test('what was accepted is not checked again: the same settings, issues and secrets, and only its owner may read it', async () => {
  const found = settingsOf(await startOf(parts).start(TEXT, false))
  await kept()
  expect(found?.issues.map((it) => it.code)).toEqual(['uplink-insecure'])
  const { told, start } = startOf(parts)
  expect(settingsOf(await start(TEXT, false))).toEqual(found)
  expect(settingsOf(await start(TEXT, true))).toEqual(found)
  expect(told.checks).toBe(0)
  expect(statSync(acceptedFile(dir)).mode & 0o777).toBe(0o600)
  expect(JSON.stringify(found)).toContain(PASSWORD)
  expect(readFileSync(acceptedFile(dir)).includes(PASSWORD)).toBe(false)
})

test('whatever is another, or cannot be read as a whole, is checked', async () => {
  await keptBefore()
  const found = (by: Partial<AcceptedParts>, text = TEXT) => openAccepted({ ...parts, ...by }, writeWhole).find(text, true)
  expect(await found({})).toBeDefined()
  const others = [{ build: 'two' }, { deviceId: 'hf-2' }, { env: { HOLDFAST_SECRET_CLOUD: 'x' } }, { file: 'elsewhere' }]
  for (const it of others) expect(await found(it), JSON.stringify(it)).toBeUndefined()
  expect(await found({}, `${TEXT}# more\n`)).toBeUndefined()

  writeFileSync(parts.valuesFile, 'hall: there\n')
  expect(await found({})).toBeUndefined()
  rmSync(parts.valuesFile)
  expect(await found({})).toBeUndefined()
  writeFileSync(parts.valuesFile, 'hall: here\n')

  setSecret('another')
  expect(await found({})).toBeUndefined()
  setSecret(PASSWORD)
  expect(await found({})).toBeDefined()

  const whole = readFileSync(acceptedFile(dir))
  for (const at of [0, 11, 12, 27, 28, whole.length >> 1, whole.length - 1]) {
    const changed = Buffer.from(whole)
    changed.writeUInt8((whole[at] as number) ^ 1, at)
    writeFileSync(acceptedFile(dir), changed)
    expect(await found({}), `byte ${at}`).toBeUndefined()
    writeFileSync(acceptedFile(dir), whole.subarray(0, at))
    expect(await found({}), `only ${at} bytes`).toBeUndefined()
  }
  writeFileSync(acceptedFile(dir), Buffer.alloc(ACCEPTED_BYTES_MAX + 1))
  expect(await found({})).toBeUndefined()
  writeFileSync(acceptedFile(dir), whole)
  expect(await found({})).toBeDefined()
})

test('what was accepted only since it ran before is not accepted as new', async () => {
  await keptBefore(true)
  const accepted = openAccepted(parts, writeWhole)
  expect(await accepted.find(TEXT, false)).toBeUndefined()
  expect(await accepted.find(TEXT, true)).toBeDefined()
})

test('secrets that others may read are said at the next start, as ever', async () => {
  await keptBefore()
  chmodSync(join(dir, 'secrets.json'), 0o644)
  const { told, start } = startOf(parts)
  const { checked } = await start(TEXT, true)
  expect(String('error' in checked && checked.error)).toContain('others than its owner may read it')
  expect(told.checks).toBe(1)
})

test('what is refused, and what was checked while a secret changed, is not kept; nor does a disk that takes nothing stop a start', async () => {
  const refused = startOf(parts)
  expect(settingsOf(await refused.start('version: 2\n', false))).toBeUndefined()

  const changing = startOf(parts, () => setSecret('another'))
  expect(settingsOf(await changing.start(TEXT, false))).toBeDefined()

  const inTheWay = `${acceptedFile(dir)}.new`
  mkdirSync(inTheWay, { recursive: true })
  const blocked = startOf(parts)
  expect(settingsOf(await blocked.start(TEXT, false))).toBeDefined()
  await until('it says so', async () => blocked.told.notKept.length > 0 || undefined, 20_000)
  expect(statSync(acceptedFile(dir), { throwIfNoEntry: false })).toBeUndefined()
  expect([refused.told, changing.told].map((it) => it.notKept)).toEqual([[], []])
})
