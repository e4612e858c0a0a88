// From the claim code to the first record that Kafka has acknowledged, as somebody with a phone does it.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { adminOf, startBroker, TOPICS } from '../kafka/broker.ts'
import { until } from '../route/until.ts'
import { newTopics } from '../uplinks/kafka/cluster.ts'
import type { Scene } from './scene.ts'
import { openScene, PASSWORD } from './scene.ts'

let scene: Scene
let broker: Broker

beforeAll(async () => {
  ;[broker, scene] = await Promise.all([startBroker({ portFrom: 28_700 }), openScene({ isClaimed: false })])
  await newTopics(broker.bootstrap, Object.values(TOPICS), 1)
}, 240_000)
afterAll(async () => {
  await scene?.close()
  await broker?.down()
})

test('claim, site, uplink, source, tags, live values, first record acknowledged', { timeout: 180_000 }, async () => {
  const { page, complaints, outside } = await scene.open({ viewport: { width: 360, height: 740 } })
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const apply = async () => {
    const dialog = page.getByRole('dialog').filter({ has: page.locator('.diff') })
    await dialog.waitFor()
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.waitFor({ state: 'detached' })
  }

  await page.goto('/')
  await page.getByLabel('Claim code').fill('AAAA-BBBB-CCCC-DDDD')
  await page.getByLabel('New password').fill(PASSWORD)
  await page.getByLabel('The password again').fill(PASSWORD)
  await press('Claim')
  await page.getByText('this is not the claim code of this box').waitFor()
  await page.getByLabel('Claim code').fill(scene.claimCode)
  await press('Claim')

  await page.getByRole('heading', { name: 'Step 1 of 5' }).waitFor()
  await page.getByText(/The clock of the box/).waitFor()
  await page.getByLabel('Site').fill('works 7')
  await press('Next')

  await page.getByRole('heading', { name: 'Step 2 of 5' }).waitFor()
  await page.getByLabel('Brokers').fill('nonsense')
  await page.getByLabel('Security', { exact: true }).selectOption('none')
  await page.getByLabel('Reason to go without').fill('test on loopback')
  await press('Apply and test')
  await page.locator('.field.wrong').filter({ hasText: 'Brokers' }).getByText('must be host:port').waitFor()
  await page.getByLabel('Brokers').fill(broker.bootstrap)
  // Nothing was applied by what was wrong.
  expect(readFileSync(scene.site.settings, 'utf8')).toBe('version: 1\n')
  await press('Apply and test')
  await apply()
  await page.locator('.steps > li').filter({ hasText: 'transactions' }).getByText('OK').waitFor()
  await press('Next')

  // Left, and taken up again.
  await page.getByRole('heading', { name: 'Step 3 of 5' }).waitFor()
  await page.goto('/setup')
  await page.getByRole('heading', { name: 'Step 3 of 5' }).waitFor()
  await press('OPC UA')
  await page.getByLabel('Name').fill('line-1')
  await page.getByLabel('Endpoint').fill(scene.opcua)
  await press('Show what changes')
  await page.locator('.field.wrong').filter({ hasText: 'User' }).waitFor()
  await page.getByLabel('Security policy').selectOption('None')
  await page.getByLabel('Security mode').selectOption('None')
  await page.getByLabel('Reason to go without').fill('simulated plant on loopback')
  await press('Show what changes')
  await apply()

  await page.getByRole('heading', { name: 'Step 4 of 5' }).waitFor()
  await page.getByLabel('Words of a name or path').fill('speed')
  await until('the source looks round', async () => {
    await press('Search')
    const found = page.locator('.tree label').filter({ hasText: 'Speed' })
    return found.waitFor({ timeout: 5_000 }).then(
      () => true,
      () => false,
    )
  })
  await page.locator('.tree label').filter({ hasText: 'Speed' }).first().click()
  await press('Add …')
  await page.getByLabel('Before every name').fill('hall-1/')
  await page.getByRole('dialog').getByRole('button', { name: 'Show what changes' }).click()
  await apply()

  await page.getByRole('heading', { name: 'Step 5 of 5' }).waitFor()
  await page.locator('.table tr').filter({ hasText: 'hall-1/line-1/Speed' }).getByText('good').waitFor()
  await page.getByText('First record acknowledged by Kafka').waitFor({ timeout: 90_000 })
  await press('Finish')
  await page.getByRole('heading', { name: 'Out', exact: true }).waitFor()
  expect({ complaints, outside }).toEqual({ complaints: [], outside: [] })

  const settings = readFileSync(scene.site.settings, 'utf8')
  expect(settings).toContain('site: works 7')
  expect(settings).toContain(broker.bootstrap)
  expect(settings).toContain('hall-1/line-1/Speed')
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const [partition] = await admin.fetchTopicOffsets(TOPICS.telemetry).finally(() => admin.disconnect())
  expect(Number(partition?.high)).toBeGreaterThan(0)
})
