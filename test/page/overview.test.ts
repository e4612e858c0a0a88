import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import type { SeenIssue } from '../../src/core/status.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import { holdfast } from '../route/agent.ts'
import { openAccess } from '../../src/access/index.ts'
import { lookedAt } from './axe.ts'
import type { Scene } from './scene.ts'
import { ADMIN, logIn, openScene } from './scene.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene({ settings: (plant) => plant })
}, 400_000)
afterAll(() => scene?.close())

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
  // English has no space before the sign.
  const kept = page.locator('.stage').filter({ has: page.getByRole('heading', { name: 'Speicher' }) })
  expect(await kept.locator('.headline .figure').innerText()).toMatch(/^\d+(,\d)?\s%$/)
  expect(await page.locator('html').getAttribute('lang')).toBe('de')
  // What went wrong: the German sentence of its code, and beneath it the box's own words.
  const out = page.locator('.stage').nth(2)
  await out.getByText('Dort nimmt niemand Verbindungen an.').waitFor()
  await out.locator('[lang=en]').filter({ hasText: 'nothing listens there' }).waitFor()
  const issue = page.locator('.issues > li').filter({ hasText: 'Uplink cloud wartet: Dort nimmt niemand Verbindungen an.' })
  await issue.getByText('Adresse und Port prüfen, und ob das Gegenüber läuft.').waitFor()
  await context.close()
})

test('words that did not come are fetched again', async () => {
  const { page, context } = await logIn(scene)
  await page.route('**/more.en-*.js', (route) => route.abort())
  await page.goto('/backup')
  await page.getByRole('button', { name: 'Try again' }).waitFor()
  await page.unroute('**/more.en-*.js')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('button', { name: 'Download the settings' }).waitFor()
  await context.close()
})

test('an issue that is over is known with its begin and its end, on the page and to the command line', async () => {
  const { page, complaints, context } = await logIn(scene, { viewport: { width: 360, height: 740 } })
  await page.locator('.card', { hasText: 'Issues' }).getByRole('link', { name: 'Earlier ones' }).click()
  const seen = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Issues, now and before' }) })
  const row = seen.locator('tbody tr').filter({ hasText: 'source line-1 is not protected' })
  await row.getByText('is there now').waitFor()
  const api = connectAgent(scene.site.data)
  const { text, revision } = await api.settings()
  const file = parseDocument(text)
  const at = (file.toJS() as { sources: { name: string }[] }).sources.findIndex((it) => it.name === 'line-1')
  file.deleteIn(['sources', at])
  await api.settingsApply({ text: file.toString(), base: revision, by: 'test' })
  await row.getByText('is there now').waitFor({ state: 'detached' })
  expect(await row.locator('time').count()).toBe(2)
  expect(await lookedAt(page, 'seen-issues')).toEqual([])
  const told = await holdfast(scene.site, ['issues', '--ended', '--json', '--data', scene.site.data])
  const ended = (JSON.parse(told.out) as SeenIssue[]).find((it) => it.text.startsWith('source line-1 '))
  expect(ended?.ended).toBeGreaterThan(ended?.begun ?? Infinity)
  expect(complaints).toEqual([])
  await context.close()
})

test('a password that was set anew at the console stands on every page until an admin has seen it', async () => {
  const access = await openAccess(scene.site.data)
  try {
    const password = 'four other words by chance'
    await access.resetAdmin(scene.claimCode, password)
    const { page, complaints, context } = await logIn(scene, { viewport: { width: 360, height: 740 } }, { ...ADMIN, password })
    const issue = page.getByRole('region', { name: 'Access to this box' })
    for (const path of ['/', '/tags', '/security']) {
      await page.goto(path)
      await issue.getByText('the password of admin was set anew at the console').waitFor()
    }
    expect(await lookedAt(page, 'access-issue')).toEqual([])
    await issue.getByRole('button', { name: 'I have seen it' }).click()
    await issue.waitFor({ state: 'detached' })
    expect(access.issues()).toEqual([])
    expect(complaints).toEqual([])
    await context.close()
  } finally {
    access.close()
  }
})
