// Sources as somebody edits them: forms with what is wrong beside the field, the difference, undo, and another person who was faster.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdfast } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Scene, Visit } from './scene.ts'
import { logIn, openScene } from './scene.ts'

let scene: Scene
let visit: Visit
let page: Page

beforeAll(async () => {
  // A comment that every edit has to leave alone.
  scene = await openScene({
    settings: (plant) => plant.replace('every: 200ms', 'every: 200ms # as the press manual says'),
  })
  visit = await logIn(scene)
  page = visit.page
})
afterAll(() => scene?.close())

const settingsNow = () => readFileSync(scene.site.settings, 'utf8')
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
async function apply(): Promise<void> {
  const dialog = page.getByRole('dialog').filter({ has: page.locator('.diff') })
  await dialog.getByRole('button', { name: 'Apply' }).click()
  await dialog.waitFor({ state: 'detached' })
}

test('the list shows each source; a test goes step by step', async () => {
  await page.goto('/sources')
  const row = page.locator('.table tbody tr').filter({ hasText: 'line-1' })
  await row.getByText('Up', { exact: true }).waitFor()
  await row.getByRole('link', { name: 'line-1' }).click()
  await press('Test now')
  await page.locator('.steps > li').filter({ hasText: '22 of 22 nodes have a value' }).getByText('OK').waitFor()
  const speed = page.locator('.table tr').filter({ hasText: 'hall-1/line-1/speed' })
  await speed.getByText('m/s').waitFor()
  await speed.getByText('good').waitFor()
  expect(await speed.locator('time').first().getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/)
})

test('a wrong field says so beside it; the right one shows its difference, is applied, and is undone', async () => {
  const before = settingsNow()
  await page.goto('/sources/press-3/edit')
  await page.getByLabel('Poll every').fill('soon')
  await press('Show what changes')
  await page
    .locator('.field.wrong')
    .filter({ hasText: 'Poll every' })
    .getByText(/allowed is/)
    .waitFor()
  expect(settingsNow()).toBe(before)

  await page.getByLabel('Poll every').fill('300ms')
  await press('Show what changes')
  const diff = page.locator('.diff li')
  await diff.getByText('sources[press-3].every').waitFor()
  expect(await diff.locator('.old').innerText()).toContain('200ms')
  expect(await diff.locator('.new').innerText()).toContain('300ms')
  await apply()
  await page.getByRole('heading', { name: 'press-3' }).waitFor()
  expect(settingsNow()).toContain('every: 300ms # as the press manual says')

  await press('Undo')
  await page.getByText('Taken back.').waitFor()
  expect(settingsNow()).toBe(before)
})

test('a certificate is called trusted only where the box has trusted it', async () => {
  const waiting = { subject: 'CN=plant', fingerprint: 'AB:CD', state: 'rejected', validFrom: '2026-01-01', validTo: '2027-01-01' }
  await page.route('**/api/v1/sources/trust', (route) => {
    const { fingerprint } = route.request().postDataJSON() as { fingerprint?: string }
    if (fingerprint === undefined) return route.fulfill({ body: `${JSON.stringify({ row: waiting })}\n{"done":true}\n` })
    const error = { name: 'NotNow', code: 'no-source', text: 'the source does not run' }
    return route.fulfill({ status: 409, body: JSON.stringify({ error }) })
  })
  await page.goto('/sources/line-1')
  await press('Trust it')
  await page.getByText('the source does not run').waitFor()
  await page.getByText('Waiting for you').waitFor()
  expect(await page.getByText('is trusted now').count()).toBe(0)
  await page.unroute('**/api/v1/sources/trust')
})

test('what a source tells of its far end has words; a port is no quantity', async () => {
  await page.goto('/sources/press-3')
  const statistics = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Statistics' }) })
  await statistics.getByText('Tags that the device refuses').waitFor()
  expect(await statistics.locator('dt').allInnerTexts()).not.toContain('refusedTags')
  expect(await statistics.locator('dd').allInnerTexts()).toContain(String(scene.modbusPort))
})

test('whoever was slower is told what the other one changed, and loses nothing', async () => {
  await page.goto('/sources/press-3/edit')
  await page.getByLabel('Poll every').fill('400ms')
  await press('Show what changes')
  await page.locator('.diff li').getByText('sources[press-3].every').waitFor()

  const other = `${scene.site.dir}/other.yaml`
  writeFileSync(other, settingsNow().replace('bytesMax: 2GB', 'bytesMax: 3GB'))
  const { code, err } = await holdfast(scene.site, ['settings', 'apply', other, '--data', scene.site.data])
  expect({ code, err }).toMatchObject({ code: 0 })

  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
  const notice = page.locator('.notice')
  await notice.getByText('Changed meanwhile').waitFor()
  expect(await notice.locator('.diff').innerText()).toMatch(/log\.bytesMax[\s\S]*2GB[\s\S]*3GB/)
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(settingsNow()).toContain('bytesMax: 3GB')
  expect(settingsNow()).toContain('every: 400ms')
})

test('tags are found by their words and added with class and rate; then their values come', async () => {
  await page.goto('/sources/line-1/browse')
  await page.getByLabel('Words of a name or path').fill('server status state')
  await until('the source looks round', async () => {
    await press('Search')
    return page
      .locator('.tree label')
      .filter({ hasText: 'State' })
      .first()
      .waitFor({ timeout: 5_000 })
      .then(
        () => true,
        () => false,
      )
  })
  await page.locator('.tree label').filter({ hasText: 'State' }).first().click()
  await page.getByText('1 picked').waitFor()
  await press('Add …')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Before every name').fill('box/')
  await dialog.getByLabel('Class').selectOption('debug')
  await dialog.getByLabel('Sampling').fill('500ms')
  await dialog.getByRole('button', { name: 'Show what changes' }).click()
  await apply()
  await page.getByRole('heading', { name: 'Tags', exact: true }).waitFor()
  const row = page.locator('.grid tr').filter({ hasText: 'box/' })
  await row.getByText('good').waitFor()
  expect(await row.innerText()).toContain('debug')
})

test('a source is added by its form and removed', async () => {
  await page.goto('/sources/new')
  await press('Modbus TCP')
  await page.getByLabel('Name').fill('press-4')
  await page.getByLabel('Host or address').fill('127.0.0.1')
  await page.getByLabel('Port').fill(String(scene.modbusPort))
  await page.getByLabel('Poll every').fill('1s')
  await press('Show what changes')
  await apply()
  await page.getByRole('heading', { name: 'press-4' }).waitFor()
  await page.locator('.table tr').filter({ hasText: 'press-4/value' }).getByText('good').waitFor()

  await press('Remove')
  await apply()
  await page.getByRole('heading', { name: 'Sources', exact: true }).waitFor()
  await page.locator('.table tbody tr').filter({ hasText: 'press-4' }).waitFor({ state: 'detached' })
  expect(settingsNow()).not.toContain('press-4')
  expect({ complaints: visit.complaints, outside: visit.outside }).toEqual({ complaints: [], outside: [] })
})

test('a Sparkplug source has its host, its groups and its TLS; without encryption none of that is asked for', async () => {
  await page.goto('/sources/new')
  await press('Sparkplug B')
  await page.getByLabel('Name', { exact: true }).fill('cells')
  await page.getByLabel('Broker', { exact: true }).fill('mqtts://127.0.0.1:1')
  await page.getByLabel('Groups').fill('hall-1, hall-2')
  await page.getByLabel('Host id').fill('scada-7')
  await page.locator('details.more summary').click()
  await page.getByLabel('Certificate authority (PEM)').fill('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----')
  expect(await page.getByLabel('Its private key (PEM)').count()).toBe(0)
  await page.getByLabel('Client certificate (PEM)').fill('-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----')
  await page.getByLabel('Its private key (PEM)').fill('-----BEGIN PRIVATE KEY-----\nMIID\n-----END PRIVATE KEY-----')
  await press('Show what changes')
  const diff = page.locator('.diff')
  await diff.getByText('hall-2').waitFor()
  const text = await diff.innerText()
  for (const it of ['host: scada-7', 'MIIB', 'MIIC', 'cells-key', 'class: ']) expect(text).toContain(it)
  expect(text).not.toContain('MIID')
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await page.getByLabel('Broker', { exact: true }).fill('mqtt://127.0.0.1:1')
  await page.getByLabel('Certificate authority (PEM)').waitFor({ state: 'detached' })
  await page.getByLabel('Reason to go without protection').fill('a test on loopback')
  await press('Show what changes')
  await diff.getByText('hall-2').waitFor()
  expect(await diff.innerText()).not.toMatch(/tls|MII/)
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
})

test('a scan names what is read already, and refuses what is no address', async () => {
  await page.goto('/sources/new')
  await page.getByLabel('Host or range of addresses').fill('10.0.0.0/8')
  await press('Search')
  await page.getByText('at most a /22', { exact: false }).last().waitFor()
  await page.getByLabel('Host or range of addresses').fill('127.0.0.1')
  await press('Search')
  await page.getByText('127.0.0.1: OPC UA is read by the source line-1 already.').waitFor()
})
