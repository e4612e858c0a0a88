// What is kept and what goes out, in a real browser: retention, uplinks, the manual; diagnostics, the fleet.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import type { Box } from './box.ts'
import { openAt, startBox } from './box.ts'
import { graveFindings, lookedAt } from './axe.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

let box: Box

beforeAll(async () => {
  box = await startBox()
})
afterAll(() => box?.close())

describe('the manual', () => {
  test('opens at the entry of a code, is searched, and shows nothing grave to axe', async () => {
    const page = await openAt(box.context, box.url, '/about/manual?code=uplink-waiting')
    await page.getByRole('heading', { name: 'uplink-waiting' }).waitFor()
    await page.getByRole('searchbox').fill('terminating resistor')
    await page.getByRole('link', { name: 'Serial lines (RS-485)' }).click()
    await page.getByRole('heading', { name: 'Wiring the network' }).waitFor()
    expect(await lookedAt(page, 'manual')).toEqual([])
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('retention', () => {
  test('a step is moved with the keyboard, the picture and the forecast follow, and it is applied after its difference', async () => {
    const page = await openAt(box.context, box.url, '/retention')
    const handle = page.getByRole('slider', { name: /Begin of the step “every 10 s”/ })
    await handle.waitFor()
    expect(await handle.getAttribute('aria-valuetext')).toBe('7 d')
    await page.getByRole('table', { name: 'What is left of each class' }).waitFor()
    const week = page.getByRole('table', { name: 'The last week' }).getByRole('row', { name: /^process / })
    await week.waitFor()
    const [, known, lost, , wouldLose] = await week.getByRole('cell').allTextContents()
    expect(Number(known?.replaceAll(',', ''))).toBeGreaterThan(0)
    expect([lost, wouldLose]).toEqual(['0', '0'])
    expect(await lookedAt(page, 'retention')).toEqual([])
    await handle.press('ArrowRight')
    await handle.press('ArrowRight')
    expect(await handle.getAttribute('aria-valuetext')).toBe('14 d')
    await page.getByText('Not applied yet').waitFor()
    expect(await lookedAt(page, 'retention-changed')).toEqual([])
    await page.getByRole('button', { name: 'Show the difference' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('classes[process].ladder').first().waitFor()
    await dialog.getByText('14d').first().waitFor()
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.waitFor({ state: 'detached' })
    const { text } = await box.api.settings()
    expect(text).toContain('offlineFor: 14d')
    expect(text).toContain('# of the hall')
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('diagnostics', () => {
  test('tries a way from the box, and asks for the log of its services by weight and words', async () => {
    const page = await openAt(box.context, box.url, '/diagnostics')
    await page.getByLabel('What', { exact: true }).selectOption('tls')
    await page.getByLabel('Host or address').fill('127.0.0.1')
    await page.getByLabel('Port', { exact: true }).fill(new URL(box.url).port)
    await page.getByRole('button', { name: 'Try', exact: true }).click()
    const steps = page.locator('.steps > li')
    await steps.filter({ hasText: 'SHA-256' }).waitFor()
    await steps.filter({ hasText: 'trust' }).getByText('Failed').waitFor()
    await page.getByLabel('At least').selectOption('warning')
    await page.getByLabel('With these words').fill('never written by anybody')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    // Where there is no journal at all, that is what is said.
    await page
      .getByText(/No such lines|no-log/)
      .first()
      .waitFor()
    expect(await lookedAt(page, 'diagnostics')).toEqual([])
    await page.close()
  })
})

describe('the fleet', () => {
  test('its server is set up by a form; then it says how this box is known there, and why it is not reached', async () => {
    const words = ['updater', '--data', box.site.data, '--settings', box.site.settings]
    const updater = startChild(box.site.dir, 'updater', process.execPath, [cli, ...words])
    try {
      const page = await openAt(box.context, box.url, '/fleet')
      await page.getByText('No server').waitFor()
      await page.getByRole('button', { name: 'Set up' }).click()
      await page.getByLabel('Address', { exact: true }).fill('https://127.0.0.1:1')
      await page.getByLabel('Tenant').fill('north')
      await page.getByLabel('New token').fill('a token of the server')
      await page.getByRole('button', { name: 'Add hours' }).click()
      expect(await lookedAt(page, 'fleet-form')).toEqual([])
      await page.getByRole('button', { name: 'Show the difference' }).click()
      await page.locator('.diff').getByText('update-token').waitFor()
      await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
      const server = page.locator('.card').filter({ has: page.getByRole('heading', { name: 'Server' }) })
      await server.getByText('hf-page').waitFor()
      await server.getByText('north').waitFor()
      await server.getByText('in the store of secrets, as update-token').waitFor()
      await server.getByRole('button', { name: 'Ask now' }).click()
      await server.getByText('Not reached').waitFor()
      await page.getByText('Nothing is assigned to this box.').waitFor()
      expect(await lookedAt(page, 'fleet')).toEqual([])
      expect(page.faults).toEqual([])
      await page.close()
    } finally {
      await updater.end()
    }
  })
})

describe('uplinks', () => {
  test('says what is sent and why not, and tests step by step with what to do', async () => {
    const page = await openAt(box.context, box.url, '/uplinks')
    await page.getByRole('heading', { name: /cloud/ }).waitFor()
    await page.getByText('22:00-06:00').first().waitFor()
    await page.getByRole('button', { name: 'Test' }).click()
    const steps = page.getByRole('region', { name: 'Test of cloud' })
    await steps.getByText('Failed').first().waitFor()
    await steps.getByText('Running').waitFor({ state: 'detached' })
    expect(await steps.locator('.remedy').count()).toBeGreaterThan(0)
    expect(await lookedAt(page, 'uplinks')).toEqual([])
    const notifier = page.getByRole('region', { name: 'Test of notifier shift' })
    await page.getByRole('button', { name: 'Try it out' }).click()
    await notifier.getByText('ECONNREFUSED').first().waitFor()
    expect(await lookedAt(page, 'notifiers')).toEqual([])
    await page.getByRole('button', { name: 'Edit', exact: true }).first().click()
    await page.getByLabel('Share of the live lane').fill('40%')
    expect(await lookedAt(page, 'uplinks-form')).toEqual([])
    await page.getByRole('button', { name: 'Show the difference' }).click()
    await page.getByText('uplinks[cloud].lanes').first().waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect((await box.api.settings()).text).toContain('liveShare: 40%')
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('who is told of events', () => {
  test('a notifier is added, changed and removed by its form, what is wrong stands beside its field, and addresses can be secrets', async () => {
    const page = await openAt(box.context, box.url, '/uplinks')
    const dialog = page.getByRole('dialog')
    const settled = async () => {
      await dialog.getByRole('button', { name: 'Apply' }).click()
      await dialog.waitFor({ state: 'detached' })
      return (parse((await box.api.settings()).text) as { notify: readonly unknown[] }).notify
    }
    await page.setViewportSize({ width: 360, height: 740 })
    await page.getByRole('button', { name: 'Add a notifier' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill('night')
    await dialog.getByLabel('Tells by').selectOption('mail')
    await dialog.getByLabel('Mail server').fill('mail.plant-1.example')
    await dialog.getByLabel('Recipients').fill('night@plant-1.example, shift@plant-1.example')
    await dialog.getByLabel('Tags').fill('alarms/*')
    await dialog.getByLabel('User').fill('hf-7f3a')
    await dialog.getByLabel('Password').fill('a word of the mail server')
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(0)
    expect(await graveFindings(page)).toEqual([])
    await page.getByRole('button', { name: 'Show the difference' }).click()
    await dialog.getByText('must be an address of mail').waitFor()
    await dialog.getByText('must be there beside tags').waitFor()
    await dialog.getByLabel('Sender').fill('hf-7f3a@plant-1.example')
    await dialog.getByLabel('alarm', { exact: true }).check()
    await page.getByRole('button', { name: 'Show the difference' }).click()
    expect((await settled()).at(-1)).toEqual({
      name: 'night',
      on: { tags: ['alarms/*'], classes: ['alarm'] },
      mail: {
        host: 'mail.plant-1.example',
        user: 'hf-7f3a',
        password: { secret: 'notify-night-password' },
        from: 'hf-7f3a@plant-1.example',
        to: ['night@plant-1.example', 'shift@plant-1.example'],
      },
    })
    await page.getByRole('heading', { name: /night/ }).waitFor()

    await page.getByRole('button', { name: 'Edit notifier shift' }).click()
    await dialog.getByLabel('Keep the address as a secret').check()
    await dialog.getByText('More options').click()
    await dialog.getByLabel('The same is told again after').fill('1h')
    await page.getByRole('button', { name: 'Show the difference' }).click()
    expect((await settled())[0]).toEqual({
      name: 'shift',
      on: { tags: ['alarms/*'], classes: ['alarm'] },
      webhook: { url: { secret: 'notify-shift-url' } },
      repeatAfter: '1h',
    })
    await page.getByRole('button', { name: 'Try it out' }).first().click()
    // It is the address that stood in the settings before.
    await page.getByRole('region', { name: 'Test of notifier shift' }).getByText('ECONNREFUSED').first().waitFor()

    await page.getByRole('button', { name: 'Edit notifier night' }).click()
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click()
    expect(await settled()).toHaveLength(1)
    await page.getByRole('heading', { name: /night/ }).waitFor({ state: 'detached' })
    expect(page.faults).toEqual([])
    await page.close()
  })
})

describe('the log', () => {
  test('shows fill, days and what was given up, draws readings, gives them out as CSV, and is checked', async () => {
    const page = await openAt(box.context, box.url, '/log')
    await page.getByRole('table', { name: 'Held by class' }).waitFor()
    await page
      .getByRole('button', { name: /readings, 0 lost/ })
      .first()
      .waitFor()
    await page.getByLabel('Tag', { exact: true }).fill('*')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.locator('.chart canvas').first().waitFor()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
    const csv = readFileSync(await download.path(), 'utf8')
    expect(csv.split('\r\n')[0]).toBe('tag,time,value,quality,status,unit,class,count,min,max')
    expect(csv.split('\r\n').length).toBeGreaterThan(10)
    // A part of an answer is no file.
    const files: unknown[] = []
    page.on('download', (it) => files.push(it))
    await page.route('**/api/v1/query', (route) => route.fulfill({ body: '{"row":{"tag":"a","time":1,"value":1}}\n' }))
    await page.getByRole('button', { name: 'CSV' }).click()
    await page.getByText('The answer ended early.').waitFor()
    expect(files).toEqual([])
    await page.unroute('**/api/v1/query')
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await page.getByText('Whole', { exact: true }).waitFor()
    expect(await lookedAt(page, 'log')).toEqual([])
    expect(page.faults).toEqual([])
    await page.close()
  })
})
