// Who decides, in a real browser: settings with their history, secrets, users and tokens, diagnostics, backup, about.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import jsQR from 'jsqr'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Box } from './box.ts'
import { openAt, startBox } from './box.ts'
import { lookedAt } from './axe.ts'
import { ADMIN, logIn } from './scene.ts'

// A module of CommonJS in the clothes of the other kind.
const { default: readPixels } = jsQR
const SECRET = 'canary-71b2d9'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

let box: Box

beforeAll(async () => {
  box = await startBox()
})
afterAll(() => box?.close())

const fileOf = (text: string, from: string | RegExp, to: string) => {
  const changed = text.replace(from, to)
  expect(changed).not.toBe(text)
  return changed
}

describe('settings', () => {
  test('a text that is wrong says where, and cannot be applied', async () => {
    const page = await openAt(box.context, box.url, '/settings')
    const editor = page.getByRole('textbox', { name: 'File' })
    await editor.waitFor()
    const { text } = await box.api.settings()
    await editor.fill(fileOf(text, 'bytesMax: 500MB', 'bytesMax: 5'))
    const line = text.slice(0, text.indexOf('bytesMax')).split('\n').length
    await page
      .getByRole('list', { name: 'Problems' })
      .getByRole('button', { name: `Line ${line}` })
      .click()
    expect(await editor.evaluate('document.activeElement.tagName')).toBe('TEXTAREA')
    expect(await page.getByRole('button', { name: 'Show the difference' }).isDisabled()).toBe(true)
    expect(await lookedAt(page, 'settings')).toEqual([])
    expect((await box.api.settings()).text).toBe(text)
    expect(page.faults).toEqual([])
    await page.close()
  })

  test('a change that is to be kept says so on every page, and goes back when it is taken back', async () => {
    const page = await openAt(box.context, box.url, '/settings')
    const editor = page.getByRole('textbox', { name: 'File' })
    await editor.waitFor()
    const before = await box.api.settings()
    await editor.fill(fileOf(before.text, 'offlineFor: 30d', 'offlineFor: 31d'))
    await page.getByLabel('When it is applied').selectOption('5')
    await page.getByRole('button', { name: 'Show the difference' }).click()
    await page.getByRole('dialog').getByText('31d').first().waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
    const banner = page.getByRole('region', { name: 'To be kept' })
    await banner.waitFor()
    expect((await box.api.settings()).pending?.by).toBe(ADMIN.name)
    const other = await openAt(box.context, box.url, '/about')
    await other.getByRole('region', { name: 'To be kept' }).getByRole('button', { name: 'Take back' }).click()
    await other.getByRole('region', { name: 'To be kept' }).waitFor({ state: 'detached' })
    expect((await box.api.settings()).text).toBe(before.text)
    await other.close()
    await page.close()
  })

  test('history shows the difference of each version and goes back to it', async () => {
    const before = await box.api.settings()
    await box.api.settingsApply({
      text: fileOf(before.text, 'offlineFor: 30d', 'offlineFor: 32d'),
      base: before.revision,
      by: 'script',
      note: 'moved',
    })
    const page = await openAt(box.context, box.url, '/settings/history')
    await page.getByText('moved').waitFor()
    expect(await lookedAt(page, 'settings-history')).toEqual([])
    await page
      .getByRole('button', { name: `Difference to ${before.revision.slice(0, 12)}` })
      .first()
      .click()
    await page.getByRole('dialog').getByText('32d').first().waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Go back to this' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect((await box.api.settings()).text).toBe(before.text)
    expect(page.faults).toEqual([])
    await page.close()
  })

  test('who only sees is shown the text of an earlier version', async () => {
    const admins = await openAt(box.context, box.url, '/security')
    await admins.getByRole('button', { name: 'Add a user' }).click()
    await admins.getByLabel('Name').fill('vera')
    await admins.getByRole('dialog').getByLabel('Role').selectOption('viewer')
    await admins.getByLabel('First password').fill('a hall full of presses')
    await admins.getByRole('dialog').getByRole('button', { name: 'Add a user' }).click()
    await admins.getByRole('button', { name: 'Edit vera' }).waitFor()
    await admins.close()
    const { context } = await logIn(box, {}, { name: 'vera', password: 'a hall full of presses' })
    const page = await openAt(context, box.url, '/settings/history')
    await page.locator('.history-line').filter({ hasText: 'moved' }).getByRole('button').click()
    await page.getByRole('dialog').getByText('offlineFor: 32d').waitFor()
    expect(await page.getByRole('dialog').getByRole('alert').count()).toBe(0)
    await context.close()
  })

  test('two people who edit are told', async () => {
    const page = await openAt(box.context, box.url, '/settings')
    const editor = page.getByRole('textbox', { name: 'File' })
    await editor.waitFor()
    const before = await box.api.settings()
    await editor.fill(fileOf(before.text, 'offlineFor: 30d', 'offlineFor: 33d'))
    await page.getByLabel('When it is applied').selectOption('0')
    await page.getByRole('button', { name: 'Show the difference' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('33d').first().waitFor()
    await box.api.settingsApply({
      text: fileOf(before.text, 'filledTo: 80%', 'filledTo: 70%'),
      base: before.revision,
      by: 'ben',
    })
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await page.getByRole('dialog').getByText('Changed meanwhile').waitFor()
    expect((await box.api.settings()).text).toContain('70%')
    await box.api.settingsRevert(before.revision, 'ben')
    await page.close()
  })

  test('a secret is set and removed, and never shown', async () => {
    const page = await openAt(box.context, box.url, '/settings/secrets')
    const said: string[] = []
    page.on('response', async (it) => said.push(await it.text().catch(() => '')))
    await page.getByRole('button', { name: 'Add a secret' }).click()
    await page.getByLabel('Name').fill('cloud')
    await page.getByLabel('Text', { exact: true }).fill(SECRET)
    await page.getByRole('dialog').getByRole('button', { name: 'Set', exact: true }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Remove cloud' }).waitFor()
    expect(await lookedAt(page, 'secrets')).toEqual([])
    expect(said.join('\n')).not.toContain(SECRET)
    expect(await page.content()).not.toContain(SECRET)
    await page.getByRole('button', { name: 'Remove cloud' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('There are no secrets.').waitFor()
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('security', () => {
  test('a technician is added and sees what he may; a token is shown once and revoked; what was done is listed', async () => {
    const page = await openAt(box.context, box.url, '/security')
    await page.getByRole('button', { name: 'Add a user' }).click()
    await page.getByLabel('Name').fill('tom')
    await page.getByLabel('First password').fill('a hall full of presses')
    await page.getByRole('dialog').getByRole('button', { name: 'Add a user' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Edit tom' }).waitFor()
    const { context: tom } = await logIn(box, {}, { name: 'tom', password: 'a hall full of presses' })
    const his = await openAt(tom, box.url, '/security')
    await his.getByText('SHA-256 fingerprint').waitFor()
    expect(await his.getByRole('heading', { name: 'Users' }).count()).toBe(0)
    await tom.close()
    await page.getByRole('button', { name: 'Make a token' }).click()
    await page.getByLabel('Name').fill('scada')
    await page.getByRole('dialog').getByRole('button', { name: 'Make a token' }).click()
    const token = await page.getByRole('dialog').locator('code').textContent()
    expect(token?.length).toBeGreaterThan(20)
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
    await page.getByRole('button', { name: 'Revoke scada' }).waitFor()
    expect(await page.content()).not.toContain(token)
    await page.locator('.card', { hasText: 'What was done' }).getByRole('button', { name: 'Refresh' }).click()
    await page.getByRole('table', { name: 'What was done' }).getByText('tom').first().waitFor()
    expect(await lookedAt(page, 'security')).toEqual([])
    await page.getByRole('button', { name: 'Revoke scada' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click()
    await page.getByText('There are no tokens.').waitFor()
    await page.getByText('uplink cloud is not protected').first().waitFor()
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('the box itself', () => {
  test('diagnostics: resources, and a bundle with a list of what is inside', async () => {
    const page = await openAt(box.context, box.url, '/diagnostics')
    await page.getByRole('img', { name: /Processor over the last minutes/ }).waitFor()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()])
    const tar = gunzipSync(readFileSync(await download.path())).toString('latin1')
    expect(tar).toMatch(/settings\.yaml/)
    expect(await lookedAt(page, 'diagnostics')).toEqual([])
    expect(page.faults).toEqual([])
    await page.close()
  })

  test('backup: the settings as a file, and back in after its difference', async () => {
    const page = await openAt(box.context, box.url, '/backup')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the settings' }).click(),
    ])
    const text = readFileSync(await download.path(), 'utf8')
    expect(text).toBe((await box.api.settings()).text)
    const file = join(box.site.dir, 'another.yaml')
    writeFileSync(file, fileOf(text, 'offlineFor: 30d', 'offlineFor: 34d'))
    await page.getByLabel('Choose a file').setInputFiles(file)
    await page.getByRole('dialog').getByText('34d').first().waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect((await box.api.settings()).text).toContain('34d')
    expect(await lookedAt(page, 'backup')).toEqual([])
    expect(page.faults).toEqual([])
    await page.close()
  })

  test('factory reset: what goes and what stays is said, the name is typed, and a helper that is not there is told', async () => {
    const page = await openAt(box.context, box.url, '/backup')
    const card = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Factory reset' }) })
    // This system is no image of ours.
    await card.getByText('Comes with the image of Holdfast').waitFor()
    expect(await card.getByRole('button').count()).toBe(0)
    await page.route('**/api/v1/factory/show', (route) => route.fulfill({ json: { isOffered: true } }))
    await page.reload()
    await card.getByRole('button', { name: 'Reset this box …' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('the one on the label is over').waitFor()
    const erase = dialog.getByRole('button', { name: 'Erase and restart' })
    expect(await erase.isDisabled()).toBe(true)
    await dialog.getByLabel('Type the name of this box').fill('hf-pane')
    await dialog.getByText('That is another name.').waitFor()
    expect(await erase.isDisabled()).toBe(true)
    await dialog.getByLabel('Type the name of this box').fill('hf-page')
    await dialog.getByLabel('Readings on the disk').selectOption('readings')
    expect(await lookedAt(page, 'factory-reset')).toEqual([])
    const [request] = await Promise.all([page.waitForRequest('**/api/v1/factory/reset'), erase.click()])
    expect(request.postDataJSON()).toEqual({ name: 'hf-page', keepReadings: true, overwrite: false, despiteUpdate: false })
    await dialog.getByText('host-unreachable').first().waitFor()
    // An update that does not end is no reason to keep the box.
    const problems = [{ where: 'update', text: 'an update is under way: nothing was erased', remedy: 'wait' }]
    const refused = { status: 422, json: { error: { name: 'BadInput', text: 'update: an update is under way', problems } } }
    await page.route('**/api/v1/factory/reset', (route) => route.fulfill(refused))
    expect(await dialog.getByLabel('Erase it all the same').count()).toBe(0)
    await erase.click()
    await dialog.getByLabel('Erase it all the same').check()
    await dialog.getByLabel('Readings on the disk').selectOption('overwrite')
    const [despite] = await Promise.all([page.waitForRequest('**/api/v1/factory/reset'), erase.click()])
    expect(despite.postDataJSON()).toMatchObject({ keepReadings: false, overwrite: true, despiteUpdate: true })
    await page.close()
  })

  test('about: identity, licences and the way to the manual', async () => {
    const page = await openAt(box.context, box.url, '/about')
    await page.getByText('hf-page').last().waitFor()
    const code = page.getByRole('img', { name: new URL(box.url).origin })
    expect(readCode(await code.getAttribute('viewBox'), await code.locator('path').getAttribute('d'))).toBe(
      new URL(box.url).origin,
    )
    await page.getByRole('button', { name: 'Show the packages' }).click()
    await page.getByText(/^fastify \d/).waitFor()
    expect(await lookedAt(page, 'about')).toEqual([])
    await page.getByRole('link', { name: 'Open the manual' }).click()
    await page.getByRole('heading', { name: 'Manual', exact: true }).waitFor()
    expect(page.faults).toEqual([])
    await page.close()
  })
})

/** What a camera reads in it. */
function readCode(viewBox: string | null, path: string | null): string | undefined {
  const modules = Number(viewBox?.split(' ')[2])
  const size = modules * 4
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255)
  for (const [, x, y] of (path ?? '').matchAll(/M(\d+) (\d+)h/g))
    for (let row = 0; row < 4; row++) pixels.fill(0, ...spanOf(Number(x), Number(y), row, size))
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = 255
  return readPixels(pixels, size, size)?.data
}
const spanOf = (x: number, y: number, row: number, size: number): [number, number] => {
  const begin = ((y * 4 + row) * size + x * 4) * 4
  return [begin, begin + 16]
}
