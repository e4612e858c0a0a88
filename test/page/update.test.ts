// The update page before the real panel, the real updater and the real RAUC, in a real browser: a bundle is chosen in the browser and runs at the end.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAccess } from '../../src/access/index.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import type { Box } from '../update/box.ts'
import { box, canUpdate } from '../update/box.ts'
import type { Vendor } from '../update/signing.ts'
import { vendor } from '../update/signing.ts'
import { lookedAt } from './axe.ts'
import { PASSWORD } from './scene.ts'

const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)('the update page', { timeout: 300_000 }, () => {
  let made: Vendor
  let it: Box
  let panel: Child
  let dir: string
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hf-update-page-'))
    made = vendor()
    it = await box({ ca: made.ca })
    const access = await openAccess(it.data)
    await access.claim({ code: access.claimCode() as string, user: 'anna', password: PASSWORD }, { address: '127.0.0.1' })
    access.close()
    panel = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', it.data, '--listen', '127.0.0.1:0'])
    const place = join(it.data, 'run', 'panel.json')
    const url = await until('the panel answers', () => {
      if (!panel.isRunning()) throw new Error(lastLines(panel.logFile, 5).join('\n'))
      return existsSync(place) && (JSON.parse(readFileSync(place, 'utf8')) as { url: string }).url
    })
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
    const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: url, locale: 'en-GB' })
    page = await context.newPage()
    page.setDefaultTimeout(60_000)
    await page.goto('/update')
    await page.locator('input[name=user]').fill('anna')
    await page.locator('input[name=password]').fill(PASSWORD)
    await page.locator('button[type=submit]').click()
    await page.getByRole('heading', { name: 'Slots' }).waitFor()
  }, 240_000)
  afterAll(async () => {
    await browser?.close()
    await panel?.end()
    await it?.close()
    made?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  test('shows both slots, and nothing grave to axe at any width', async () => {
    expect(await page.getByRole('table', { name: 'Slots' }).locator('tbody tr').count()).toBe(2)
    await page.getByText('The settings name no update server').waitFor()
    expect(await lookedAt(page, 'update')).toEqual([])
  })

  test('what is not signed for this box is refused, in words', async () => {
    await page.locator('input[type=file]').setInputFiles(made.bundle({ version: '6.0.0', signer: 'stranger' }))
    await page.getByText('refused', { exact: true }).waitFor()
    await page.getByText(/the bundle is refused: /).waitFor()
  })

  test('an address where nobody answers is tried again when somebody wants it, and taken back', async () => {
    await page.getByLabel('Or fetch it from an address').fill('https://127.0.0.1:1/6.0.0.raucb')
    await page.getByRole('button', { name: 'Fetch and install' }).click()
    const job = page.locator('.card', { has: page.getByRole('heading', { name: 'Update: 6.0.0.raucb' }) })
    await job.getByRole('button', { name: 'Install now' }).waitFor()
    await job.getByRole('button', { name: 'Take it back' }).click()
    await page.getByText('taken back', { exact: true }).waitFor()
  })

  test('a bundle is chosen, installed and booted; then back to the slot before', async () => {
    // Somebody looks at another page while the bundle is on its way.
    const back = Promise.withResolvers<void>()
    await page.route('**/api/v1/update/take', async (route) => {
      await back.promise
      await route.continue()
    })
    await page.locator('input[type=file]').setInputFiles(made.bundle({ version: '6.0.0' }))
    await page.getByRole('link', { name: 'About' }).first().click()
    await page.getByRole('heading', { name: 'This box' }).waitFor()
    await page.getByRole('link', { name: 'Update', exact: true }).first().click()
    await page.getByRole('progressbar', { name: 'The bundle is handed over' }).waitFor()
    back.resolve()
    await until('it stays', async () => (await it.updater.status().catch(() => undefined))?.last?.outcome === 'good', 120_000)
    await page.getByText('good', { exact: true }).waitFor()
    await page.getByRole('row', { name: /^B 6\.0\.0 runs/ }).waitFor()
    await page.getByRole('heading', { name: 'What has been seen of this version' }).waitFor()
    expect(await lookedAt(page, 'update-good')).toEqual([])
    await page.getByRole('button', { name: 'Back to slot A' }).click()
    await page.getByRole('button', { name: 'Start anew with it' }).click()
    await page.getByRole('row', { name: /^A 1\.0\.0 runs/ }).waitFor({ timeout: 120_000 })
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
  })
})
