// Rules with models on a real agent, a real scorer and the real runtime: what is said names the model that said it, and a model that hangs or grows is
// cut off while all else goes on.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import { ADDON_FILE } from '../../src/models/addon.ts'
import { openModel } from '../../src/models/model.ts'
import { modelFile } from '../../src/models/files.ts'
import type { Agent, Site } from '../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { keyIn, layAddon, layModel, manifestOf, onnxFile, startScorer } from './box.ts'

const T0 = Date.parse('2026-03-01T10:00:00Z')

let dir: string
let site: Site
let scorer: Child | undefined
let agent: Agent | undefined
let keyring: string
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-models-'))
  mkdirSync(join(dir, 'in'))
  const settings = `version: 1
device: { id: hf-models }
log: { bytesMax: 32MB }
classes: [{ name: alarm, commitEvery: 20ms }, { name: process }]
sources:
  - { name: lines, protocol: files, path: "${dir}/in", every: 100ms, settled: 200ms, whenDone: move, format: csv, time: time,
      tags: [{ tag: press/a, column: a, class: process }, { tag: press/hang, column: hang, class: process }, { tag: press/grow, column: grow, class: process }] }
models: { keys: ["${keyIn(dir).public}"], memory: 256MB }
rules:
  - name: far
    reads: { tags: press/a }
    model: { name: linear, inputs: { a: value, b: "10.0" } }
    when: "model.score > 200.0"
    yields: { class: alarm }
  - name: minute
    reads: { tags: press/a }
    window: { tumbling: 1m }
    model: { name: linear, inputs: { a: window.max, b: window.min }, outputs: { far: score } }
    when: "window.count > 2.0 && model.far > 200.0"
    yields: { class: alarm }
  - name: hangs
    reads: { tags: press/hang }
    model: { name: hang, inputs: { a: value, b: value }, timeout: 300ms }
    when: "model.score >= 0.0"
    yields: { class: alarm }
  - name: grows
    reads: { tags: press/grow }
    model: { name: grow, inputs: { a: value, b: value }, timeout: 10s }
    when: "model.score >= 0.0"
    yields: { class: alarm }
`
  site = siteIn(dir, settings)
  for (const it of ['linear', 'hang', 'grow'] as const) layModel(dir, site.data, it, '1.2')
  keyring = await layAddon(dir, site.data)
  site = { ...site, keyring }
  scorer = await startScorer(dir, site.data, keyring)
  agent = await startAgent(site)
}, 300_000)
afterAll(async () => {
  await agent?.end()
  await scorer?.end()
  rmSync(dir, { recursive: true, force: true })
})

let files = 0
let time = T0
let given = 0
/** Rows of the three columns, a second apart. */
function give(rows: readonly (readonly [a: number, hang: number, grow: number])[]): void {
  const name = `${files++}.csv`
  const text = rows.map((it) => `${new Date((time += 1_000)).toISOString()},${it.join(',')}\n`).join('')
  writeFileSync(join(dir, name), `time,a,hang,grow\n${text}`)
  renameSync(join(dir, name), join(dir, 'in', name))
  given += rows.length * 3
}

/** Readings of the files in the log. */
async function count(): Promise<number> {
  let sum = 0
  const request = { tag: 'press/*', from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100_000 }
  for await (const _ of connectAgent(site.data).query(request, new AbortController().signal)) sum++
  return sum
}

const through = () =>
  until('the rules are through', async () => {
    // First what is there, then how far they are with it.
    if ((await count()) !== given) return undefined
    const status = await agent?.status()
    return status?.rules?.lagReadings === 0 && status
  })

async function said(rule: string) {
  const found: { value: number; model: { version: string }; window?: { max: number; min: number } }[] = []
  const request = { tag: `rules/${rule}`, from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10_000 }
  for await (const it of connectAgent(site.data).query(request, new AbortController().signal))
    found.push(JSON.parse(String(it.value)))
  return found
}

const A = Array.from({ length: 300 }, (_, n) => (n * 37) % 101)

test('an event for each score above, that names model, version and hash', { timeout: 120_000 }, async () => {
  give(A.map((a) => [a, 0, 0]))
  const status = await through()
  const { of } = openModel(readFileSync(modelFile(site.data, 'linear')), [keyIn(dir).public])
  // 2·a + 3·10 + 1
  const far = A.filter((a) => 2 * a + 31 > 200)
  expect(far.length).toBeGreaterThan(20)
  expect(await said('far')).toEqual(
    far.map((value) => expect.objectContaining({ value, model: { ...of, version: '1.2', score: 2 * value + 31 } })),
  )
  const minutes = await said('minute')
  expect(minutes.length).toBeGreaterThan(1)
  for (const { window, model } of minutes)
    expect(model).toMatchObject({ name: 'linear', far: 2 * (window?.max ?? 0) + 3 * (window?.min ?? 0) + 1 })
  const report = status.rules?.rules.find((it) => it.name === 'far')
  expect(report?.model).toEqual({ name: 'linear', scored: A.length, unscored: 0, lastCode: null, lastText: null, version: '1.2' })
  expect(await said('hangs')).toHaveLength(A.length)
})

test('each event once, however often the agent is killed', { timeout: 180_000 }, async () => {
  const before = await said('far')
  const rows = Array.from({ length: 2 }, (_, part) => A.slice(0, 150).map((a) => (a * 7 + part * 13) % 101))
  for (const part of rows) {
    give(part.map((a) => [a, 0, 0]))
    const known = (await said('far')).length
    await until('something of it is said', async () => (await said('far')).length > known)
    await agent?.kill()
    agent = await startAgent(site)
  }
  const expected = rows.flat().filter((a) => 2 * a + 31 > 200)
  await until('all of it is said', async () => (await said('far')).length >= before.length + expected.length)
  await until('the rules are through', async () => (await agent?.status())?.rules?.lagReadings === 0)
  expect((await said('far')).slice(before.length).map((it) => it.value)).toEqual(expected)
})

test('a file that is put in the place of one that runs is proven before it runs', { timeout: 120_000 }, async () => {
  const far = async () => (await agent?.status())?.rules?.rules.find((it) => it.name === 'far')?.model
  const place = modelFile(site.data, 'linear')
  const whole = readFileSync(place)
  const swapped = Buffer.from(whole)
  swapped[whole.length - 100] = (whole[whole.length - 100] as number) ^ 1
  writeFileSync(place, swapped)
  give([[100, 0, 0]])
  // What runs is what was proven when it was loaded.
  await until('it is scored', async () => ((await far())?.scored ?? 0) > 0)
  expect(await far()).toMatchObject({ unscored: 0, version: '1.2' })
  await scorer?.kill()
  scorer = await startScorer(dir, site.data, keyring)
  await until('it is refused', async () => {
    give([[100, 0, 0]])
    return (await far())?.lastCode === 'model-damaged'
  })
  writeFileSync(place, whole)
  const { scored = 0 } = (await far()) ?? {}
  await until('it is taken again', async () => {
    give([[100, 0, 0]])
    return ((await far())?.scored ?? 0) > scored
  })
})

test('a new version is signed and added while the rule runs; one of a stranger is not', { timeout: 120_000 }, async () => {
  const [manifest, to] = [join(dir, 'linear.yaml'), join(dir, 'new.model')]
  writeFileSync(manifest, JSON.stringify(manifestOf('linear', '2.0')))
  const sign = (key: string) =>
    holdfast(site, ['models', 'sign', onnxFile('linear'), '--manifest', manifest, '--key', join(dir, key), '--to', to])
  const add = () => holdfast(site, ['models', 'add', to, '--data', site.data])
  expect(await sign('stranger.key')).toMatchObject({ code: 0, out: expect.stringContaining('ed25519:') })
  const refused = await add()
  expect(refused.code).not.toBe(0)
  expect(refused.err).toContain('model-foreign')
  expect(await sign('models.key')).toMatchObject({ code: 0 })
  // Of the add-on another file is there, though with the same in it.
  const addon = join(site.data, ADDON_FILE)
  const scorerSaid = () => readFileSync(scorer?.logFile ?? '', 'utf8').split('the add-on onnx').length - 1
  const before = scorerSaid()
  copyFileSync(addon, `${addon}.new`)
  renameSync(`${addon}.new`, addon)
  expect(await add()).toMatchObject({ code: 0, out: 'linear 2.0 is there\n' })
  await until('it is unpacked anew, once for all models', () => scorerSaid() === before + 1)
  const listed = await holdfast(site, ['models', 'list', '--json', '--data', site.data])
  expect(JSON.parse(listed.out)).toMatchObject({
    addon: { version: expect.stringMatching(/^\d+\./) },
    models: [{ name: 'grow' }, { name: 'hang' }, { name: 'linear', version: '2.0', inputs: ['a', 'b'], outputs: ['score'] }],
  })
  await until('the new one scores', async () => {
    give([[100, 0, 0]])
    await through()
    return (await said('far')).at(-1)?.model.version === '2.0'
  })
})

test('models that come and go at once leave one that runs the rules: each event once', { timeout: 120_000 }, async () => {
  const others = ['one', 'two', 'three']
  for (const it of others) writeFileSync(modelFile(site.data, it), 'it')
  await Promise.all(others.map((it) => connectAgent(site.data).removeModel(it)))
  const before = (await said('far')).length
  for (let i = 0; i < 5; i++) {
    give(Array.from({ length: 20 }, () => [100, 0, 0]))
    await through()
  }
  await until('all of it is said', async () => (await said('far')).length >= before + 100)
  await sleep(3_000)
  expect((await said('far')).length).toBe(before + 100)
})

test('one that hangs and one that grows are cut off; the others, and what comes in, go on', { timeout: 120_000 }, async () => {
  const before = (await through()).rules?.rules ?? []
  const was = (rule: string) => before.find((it) => it.name === rule)?.model
  give([
    [100, 1, 0],
    [100, 0, 8],
    [100, 0, 0],
  ])
  const status = await through()
  const reports = status.rules?.rules ?? []
  const model = (rule: string) => reports.find((it) => it.name === rule)?.model
  expect(model('hangs')).toMatchObject({
    unscored: (was('hangs')?.unscored ?? 0) + 3,
    lastText: expect.stringContaining('longer than 300 ms'),
  })
  expect(model('grows')?.lastCode).toBe('model-memory')
  expect(model('far')?.unscored).toBe(was('far')?.unscored)
  expect(status.issues.filter((it) => it.code === 'rule-unscored').length).toBeGreaterThanOrEqual(2)
  // They are started again: what can be scored is scored again.
  await until('both answer again', async () => {
    give([[1, 0, 0]])
    const now = (await through()).rules?.rules ?? []
    return ['hangs', 'grows'].every((it) => (now.find((one) => one.name === it)?.model?.scored ?? 0) > (model(it)?.scored ?? 0))
  })
})
