// The encrypted backup in a real browser: made on one box, opened and restored on it and, by the first run, on new hardware that takes its place.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import { lookedAt } from './axe.ts'
import type { Box } from './box.ts'
import { openAt, startBox } from './box.ts'
import { logIn, openScene } from './scene.ts'

const PASSPHRASE = 'six words that came by chance'
const SECRET = 'canary-5d0e71'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

let box: Box
let file: string

beforeAll(async () => {
  box = await startBox()
  await box.api.setSecret('cloud', SECRET)
})
afterAll(() => box?.close())

const restoring = (page: Page) =>
  page.locator('.card').filter({ has: page.getByRole('heading', { name: /^(Restore|This box takes)/ }) })

/** Chosen and opened; resolves with the dialog. */
async function opened(page: Page, path: string, passphrase = PASSPHRASE) {
  const card = restoring(page)
  await card.getByLabel('Choose a file').setInputFiles(path)
  await card.getByLabel('Passphrase').fill(passphrase)
  await card.getByRole('button', { name: 'Open it' }).click()
  return page.getByRole('dialog')
}

test('is made with a passphrase that is typed twice, and tells nothing to who has none', async () => {
  const page = await openAt(box.context, box.url, '/backup')
  const make = page.getByRole('button', { name: 'Download the backup' })
  await page.getByLabel('Passphrase of the backup').fill('short')
  await page.getByLabel('The passphrase again').fill('shirt')
  await page.getByText('The two are not the same.').waitFor()
  expect(await make.isDisabled()).toBe(true)
  await page.getByLabel('The passphrase again').fill('short')
  await make.click()
  await page.locator('.field.wrong').getByText('12 to 1,024 characters').waitFor()
  await page.getByLabel('Passphrase of the backup').fill(PASSPHRASE)
  await page.getByLabel('The passphrase again').fill(PASSPHRASE)
  const [download] = await Promise.all([page.waitForEvent('download'), make.click()])
  expect(download.suggestedFilename()).toMatch(/^hf-page-\d{8}T\d{6}Z\.backup\.age$/)
  file = join(box.site.dir, download.suggestedFilename())
  const text = readFileSync(await download.path(), 'utf8')
  writeFileSync(file, text)
  expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)
  expect(text).not.toContain(SECRET)
  await page.getByText(`Made: ${download.suggestedFilename()}`).waitFor()
  expect(await page.getByLabel('Passphrase of the backup').inputValue()).toBe('')
  expect(await lookedAt(page, 'backup-made')).toEqual([])
  expect(page.faults).toEqual([])
  await page.close()
})

test('a wrong passphrase is said at its field, and the file stays chosen; the right one shows what is in it and what it changes', async () => {
  const before = await box.api.settings()
  const changed = before.text.replace('offlineFor: 30d', 'offlineFor: 36d')
  await box.api.settingsApply({ text: changed, base: before.revision, by: 'ben' })
  await box.api.removeSecret('cloud')
  const page = await openAt(box.context, box.url, '/backup')
  const dialog = await opened(page, file, 'another passphrase than that')
  await page.locator('.field.wrong').getByText('That is not the passphrase').waitFor()
  expect(await lookedAt(page, 'backup-wrong')).toEqual([])
  await restoring(page).getByLabel('Passphrase').fill(PASSPHRASE)
  await page.keyboard.press('Enter')
  await dialog.getByText('36d').first().waitFor()
  for (const [name, value] of [
    ['Backup of', 'hf-page'],
    ['Secrets', 'cloud'],
    ['Given up until then', 'nothing'],
  ] as const)
    await dialog.locator('.facts > div').filter({ hasText: name }).getByText(value).waitFor()
  expect(await page.content()).not.toContain(SECRET)
  expect(await lookedAt(page, 'backup-opened')).toEqual([])
  // Somebody else is faster: the difference is shown anew, and nothing was done.
  const now = await box.api.settings()
  await box.api.settingsApply({ text: now.text.replace('filledTo: 80%', 'filledTo: 75%'), base: now.revision, by: 'ben' })
  await dialog.getByRole('button', { name: 'Restore it' }).click()
  await dialog.getByText('Somebody has changed the settings meanwhile').waitFor()
  await dialog.getByText('75%').first().waitFor()
  expect((await box.api.settings()).text).toContain('36d')
  await dialog.getByRole('button', { name: 'Restore it' }).click()
  await page.getByText('Restored: this box is hf-page').waitFor()
  expect((await box.api.settings()).text).toBe(before.text)
  expect((await box.api.secrets()).map((it) => it.name)).toContain('cloud')
  expect(await lookedAt(page, 'backup-restored')).toEqual([])
  expect(page.faults).toEqual([])
  await page.close()
})

test('new hardware becomes the box in its first run, after it was asked whether it replaces it', async () => {
  const fresh = await openScene({ hasPlant: false })
  try {
    const { page, complaints } = await logIn(fresh, { locale: 'de-DE', viewport: { width: 390, height: 844 } })
    await page.goto('/setup')
    const card = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Ersetzt dieses Gerät ein anderes?' }) })
    await card.getByLabel('Datei wählen').setInputFiles(file)
    await card.getByLabel('Passphrase').fill('eine ganz andere Passphrase')
    await card.getByRole('button', { name: 'Öffnen' }).click()
    await card.locator('.field.wrong').getByText('Das ist nicht die Passphrase').waitFor()
    await card.getByLabel('Passphrase').fill(PASSPHRASE)
    await card.getByRole('button', { name: 'Öffnen' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('ein anderes Gerät').waitFor()
    await dialog
      .getByText(/hf-page/)
      .first()
      .waitFor()
    await dialog.getByText('Soll es hf-page ersetzen').waitFor()
    expect(await dialog.getByText('replace hf-page?').count()).toBe(0)
    expect(await lookedAt(page, 'backup-replaces')).toEqual([])
    await dialog.getByRole('button', { name: 'Wiederherstellen' }).click()
    await card.getByText('Dieses Gerät ist hf-page').waitFor()
    const restored = connectAgent(fresh.site.data)
    expect((await restored.status()).device).toBe('hf-page')
    expect((await restored.secrets()).map((it) => it.name)).toContain('cloud')
    await card.getByRole('button', { name: 'Ersteinrichtung beenden' }).click()
    await page.locator('.head').getByText('hf-page').waitFor()
    expect(new URL(page.url()).pathname).toBe('/')
    expect(complaints).toEqual([])
  } finally {
    await fresh.close()
  }
})

test('who is no admin is told so, and the panel refuses it', async () => {
  const admins = await openAt(box.context, box.url, '/security')
  await admins.getByRole('button', { name: 'Add a user' }).click()
  await admins.getByLabel('Name').fill('tom')
  await admins.getByRole('dialog').getByLabel('Role').selectOption('technician')
  await admins.getByLabel('First password').fill('a hall full of presses')
  await admins.getByRole('dialog').getByRole('button', { name: 'Add a user' }).click()
  await admins.getByRole('button', { name: 'Edit tom' }).waitFor()
  await admins.close()
  const { context } = await logIn(box, {}, { name: 'tom', password: 'a hall full of presses' })
  const page = await openAt(context, box.url, '/backup')
  await page.getByText('This needs the role administrator.').first().waitFor()
  expect(await page.locator('input[type=password], input[type=file]').count()).toBe(0)
  await context.close()
})
