import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Scene } from './scene.ts'
import { logIn, openScene } from './scene.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene({ settings: (plant) => plant })
})
afterAll(() => scene.close())

test('the overview says what comes in, what is kept, what goes out, and what to do', async () => {
  const { page, complaints, outside, context } = await logIn(scene)
  const health = page.getByRole('region', { name: 'State of the box' })
  await health.getByText('Attention').waitFor()
  expect(await health.innerText()).toMatch(/\d+ warnings/)

  const inside = page.locator('.stage').filter({ hasText: 'In' }).first()
  await inside.getByText('line-1').waitFor()
  expect(await inside.locator('.line').count()).toBe(4)
  await page
    .locator('.stage')
    .nth(1)
    .getByText(/keeps all|room for/)
    .first()
    .waitFor()
  const out = page.locator('.stage').nth(2)
  await out.getByText('nothing listens there').waitFor()
  expect(await out.innerText()).toContain('unknown while it is away')

  const issue = page.locator('.issues > li').filter({ hasText: 'source line-1 is not protected' })
  expect(await issue.innerText()).toContain('switch on encryption')
  await issue.getByRole('link', { name: 'Edit the source' }).click()
  await page.getByRole('heading', { name: 'Edit the source line-1' }).waitFor()
  expect(page.url()).toMatch(/\/sources\/line-1\/edit$/)
  expect({ complaints, outside }).toEqual({ complaints: [], outside: [] })
  await context.close()
})

test('a wrong password is told, and the right one lets in', async () => {
  const { page, context } = await scene.open()
  await page.goto('/tags')
  await page.getByLabel('User').fill('admin')
  await page.getByLabel('Password').fill('not this one')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('user or password is wrong').waitFor()
  await page.getByLabel('Password').fill('four words by chance')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Tags', exact: true }).waitFor()
  await context.close()
})

test('in German, with German numbers', async () => {
  const { page, context } = await logIn(scene, { locale: 'de-DE' })
  await page.getByRole('heading', { name: 'Eingang' }).waitFor()
  await page
    .getByText(/Werte\/s/)
    .first()
    .waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('de')
  await context.close()
})
