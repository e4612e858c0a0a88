// The grid of tags: values as they are, a table from a spreadsheet, many lines at once, and the way back.
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Scene, Visit } from './scene.ts'
import { logIn, openScene } from './scene.ts'

let scene: Scene
let visit: Visit
let page: Page

beforeAll(async () => {
  scene = await openScene({ settings: (plant) => plant })
  visit = await logIn(scene)
  page = visit.page
})
afterAll(() => scene?.close())

const settingsNow = () => readFileSync(scene.site.settings, 'utf8')
const row = (tag: string) => page.locator('.grid tbody tr').filter({ hasText: tag })
async function apply(): Promise<void> {
  const dialog = page.getByRole('dialog').filter({ has: page.locator('.diff') })
  await dialog.getByRole('button', { name: 'Apply' }).click()
  await dialog.waitFor({ state: 'detached' })
}

test('every tag has its value with unit and quality, and goes on changing', async () => {
  await page.goto('/tags')
  const pressure = row('hall-1/press-3/pressure')
  await pressure.getByText('bar').waitFor()
  await pressure.getByText('good').waitFor()
  const before = await pressure.locator('.figure').innerText()
  await page.waitForFunction(
    ([tag, old]) =>
      // Runs in the browser.
      [
        ...(
          globalThis as never as { document: { querySelectorAll(s: string): { innerText: string }[] } }
        ).document.querySelectorAll('.grid tbody tr'),
      ].some((it) => it.innerText.includes(tag as string) && !it.innerText.includes(old as string)),
    ['hall-1/press-3/pressure', before],
  )
  expect(await row('hall-1/line-1/motor-3/current').innerText()).toContain('from hall-1/line-1/motor-{n}/current')
  await page.getByLabel('Filter').fill('furnace temp')
  await row('hall-1/press-3/pressure').waitFor({ state: 'detached' })
  expect(await page.locator('.grid tbody tr').count()).toBe(1)
})

test('a table that is pasted changes what it names, adds what is new, and leaves the rest', async () => {
  await page.goto('/tags?source=press-3')
  await row('hall-1/press-3/pressure').waitFor()
  const before = settingsNow()
  await page.getByRole('button', { name: 'Paste or import' }).click()
  const dialog = page.getByRole('dialog')
  const table = [
    'tag\tregister\ttype\tunit\tclass',
    'hall-1/press-3/pressure\tholding:4\tfloat32\tkPa\tprocess',
    'hall-1/press-3/first\tholding:0\tuint16\t\tdebug',
  ]
  await dialog.getByLabel('Or paste from a spreadsheet').fill('register\ttype\nholding:0\tuint16')
  await dialog.getByRole('button', { name: 'Show what changes' }).click()
  await dialog.getByText('has no column "tag"', { exact: false }).first().waitFor()
  await dialog.getByLabel('Or paste from a spreadsheet').fill(table.join('\n'))
  await dialog.getByRole('button', { name: 'Show what changes' }).click()
  const diff = page.locator('.diff')
  await diff.waitFor()
  const text = await diff.innerText()
  expect(text).toContain('sources[press-3].tags[hall-1/press-3/pressure].unit')
  expect(text).toMatch(/bar[\s\S]*kPa/)
  expect(text).toContain('hall-1/press-3/first')
  expect(await diff.locator('li').count()).toBe(2)
  expect(settingsNow()).toBe(before)
  await apply()
  await row('hall-1/press-3/first').getByText('good').waitFor()
  await row('hall-1/press-3/pressure').getByText('kPa').waitFor()

  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByText('Taken back.').waitFor()
  expect(settingsNow()).toBe(before)
})

test('many are given another class at once', async () => {
  await page.goto('/tags?source=furnace')
  await row('hall-1/furnace/temperature').waitFor()
  await page.getByLabel('Filter').fill('reactive')
  await page.getByLabel('Pick all on this page').check()
  await page.getByRole('button', { name: 'Edit …' }).click()
  await page.getByRole('dialog').getByLabel('Class', { exact: true }).selectOption('debug')
  await page.getByRole('dialog').getByRole('button', { name: 'Show what changes' }).click()
  await page.locator('.diff').waitFor()
  const changes = await page.locator('.diff li').count()
  expect(changes).toBeGreaterThan(1)
  expect(await page.locator('.diff .new').allInnerTexts()).toEqual(Array(changes).fill(expect.stringContaining('debug')))
  await apply()
  await page.locator('.grid tbody tr').first().getByText('debug').waitFor()
})

test('what was picked is edited, also where a filter hides some of it', async () => {
  await page.goto('/tags?source=furnace')
  await row('hall-1/furnace/temperature').waitFor()
  await page.getByLabel('Pick all on this page').check()
  const all = await page.locator('.grid tbody tr').count()
  await page.getByLabel('Filter').fill('reactive')
  await row('hall-1/furnace/temperature').waitFor({ state: 'detached' })
  await page.getByText(`${all} picked`).waitFor()
  await page.getByRole('button', { name: 'Edit …' }).click()
  await page
    .getByRole('dialog')
    .getByRole('heading', { name: `Edit ${all} lines` })
    .waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
})

test('CSV goes out as it came in', async () => {
  await page.goto('/tags?source=press-3')
  await row('hall-1/press-3/pressure').waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
  const text = readFileSync(await download.path(), 'utf8')
  expect(text.split('\n')[0]).toMatch(/^tag,register,type/)
  expect(text).toContain('hall-1/press-3/pressure,holding:4,float32')
  await page.getByRole('button', { name: 'Paste or import' }).click()
  await page
    .getByRole('dialog')
    .getByLabel('CSV file')
    .setInputFiles({ name: 'tags.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
  await page.getByRole('dialog').getByRole('button', { name: 'Show what changes' }).click()
  await page.getByText('Nothing changes.').waitFor()
  expect({ complaints: visit.complaints, outside: visit.outside }).toEqual({ complaints: [], outside: [] })
})
