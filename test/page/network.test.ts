// Addresses changed from a browser that sits at the far end of the port: the real helper of root, panel and agent, in network namespaces.
// Needs root and iproute2.
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import type { HostSite } from '../machine/host-process.ts'
import { hostSite } from '../machine/host-process.ts'
import type { Namespace } from '../machine/namespace.ts'
import { canHaveNamespaces, deskBefore, namespace } from '../machine/namespace.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { graveFindings, lookedAt } from './axe.ts'
import type { Scene } from './scene.ts'
import { logIn, openScene } from './scene.ts'

const can = canHaveNamespaces()
if (!can) console.warn('SKIPPED: the network page needs root and iproute2')

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

const [OLD, NEW] = ['10.77.0.2', '10.88.0.5']
const SETTINGS = `version: 1
network:
  ports:
    - { interface: pa, zone: uplink, address: ${OLD}/24, gateway: 10.77.0.1 } # to the router
    - { interface: pb, zone: plant, address: 10.20.1.5/24 }
    - { interface: pc, zone: uplink, ssid: harbour, password: { secret: wifi } }
`

describe.skipIf(!can)('the network page', () => {
  let net: Namespace
  let desk: ReturnType<typeof deskBefore>
  let scene: Scene
  let site: HostSite
  let helper: Child

  beforeAll(async () => {
    net = namespace()
    desk = deskBefore(net)
    const apart = { panel: net.inside, browser: desk.inside, address: OLD }
    scene = await openScene({ settings: () => SETTINGS, hasPlant: false, apart, env: { HOLDFAST_SECRET_WIFI: 'of the harbour' } })
    site = hostSite({ dir: scene.site.dir, data: scene.site.data })
  })
  afterAll(async () => {
    await scene?.close()
    desk?.close()
    net?.close()
  })
  beforeEach(async () => {
    helper = await site.start(net.inside)
  })
  afterEach(() => helper?.kill())

  const at = (address: string) => scene.url.replace(OLD, address)
  const pending = async () => (await site.host.networkShow()).pending
  const agent = () => connectAgent(scene.site.data)
  const banner = (page: Page) => page.getByRole('region', { name: 'Addresses to be kept' })
  const open = async (address = OLD) => {
    const visit = await logIn(scene, { baseURL: at(address) })
    await visit.page.goto('/network')
    return visit
  }
  /** Up to the button that applies. */
  const asked = async (page: Page, port: string, address: string, gateway: string, zone?: string) => {
    await page.getByRole('button', { name: `Edit ${port}`, exact: true }).click()
    if (zone !== undefined) await page.getByLabel('Zone').selectOption(zone)
    await page.getByLabel('Address', { exact: true }).fill(address)
    await page.getByLabel('Gateway', { exact: true }).fill(gateway)
    await page.getByRole('button', { name: 'Show the difference' }).click()
    return page.getByRole('dialog')
  }
  /** Nobody here waits for two minutes: what the page asks for is noted, and the box told a shorter time. */
  const shortened = async (page: Page, confirmWithinMs: number) => {
    const found: number[] = []
    await page.route('**/api/v1/network/apply', async (route) => {
      const body = route.request().postDataJSON() as { confirmWithinMs: number }
      found.push(body.confirmWithinMs)
      await route.continue({ postData: JSON.stringify({ ...body, confirmWithinMs }) })
    })
    return found
  }

  test('what each port has stands beside what the settings say; without a helper it says so, and offers nothing', async () => {
    const { page, context, complaints } = await open()
    const pa = page.locator('.card', { has: page.getByRole('heading', { name: /^pa / }) })
    await pa.getByText(`${OLD}/24`).nth(1).waitFor()
    expect(await pa.getByText('10.77.0.1').count()).toBe(2)
    await page.getByText('The settings say other addresses or zones than the box uses: pb.').waitFor()
    const pc = page.locator('.card', { has: page.getByRole('heading', { name: /^pc / }) })
    await pc.getByText('harbour').waitFor()
    await pc.getByText('not there').waitFor()
    expect(await page.content()).not.toContain('of the harbour')
    expect(await lookedAt(page, 'network')).toEqual([])
    await helper.kill()
    await page.reload()
    await page.getByText('No helper of root runs on this machine').waitFor()
    // What the panel itself sees is of the machine that it runs on; the settings stand there all the same.
    await pa.getByText(`${OLD}/24`).first().waitFor()
    expect(await page.getByRole('button', { name: /^Edit|in force$/ }).count()).toBe(0)
    expect(await graveFindings(page)).toEqual([])
    expect(complaints).toEqual([])
    await context.close()
  })

  test('the browser is closed: the address is back by itself', async () => {
    const { page, context } = await open()
    const within = await shortened(page, 6_000)
    const dialog = await asked(page, 'pa', `${NEW}/24`, '10.88.0.1')
    await dialog.getByText(`${OLD}/24`).waitFor()
    await dialog.getByText(`${NEW}/24`).waitFor()
    await dialog.getByText('Your own way in').waitFor()
    expect(await graveFindings(page)).toEqual([])
    expect(net.addresses('pa')).toEqual([`${OLD}/24`])
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await until('the address is changed', () => net.addresses('pa').join() === `${NEW}/24`)
    await context.close()
    expect(within).toEqual([120_000])
    await until('the address is back', () => net.addresses('pa').join() === `${OLD}/24`)
    const again = await open()
    await again.page.getByText(`${OLD}/24`).first().waitFor()
    expect(await banner(again.page).count()).toBe(0)
    await again.context.close()
  })

  test('at the new address everybody is told, with what is left; kept, it stays and stands in the settings', async () => {
    const { page, context } = await open()
    const dialog = await asked(page, 'pa', `${NEW}/24`, '10.88.0.1', 'service')
    await dialog.getByText('pa.zone').waitFor()
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.getByText('The box no longer answers here').waitFor()
    const link = dialog.getByRole('link', { name: at(NEW) })
    expect(await link.getAttribute('href')).toBe(`${at(NEW)}/network`)
    const other = await logIn(scene, { baseURL: at(NEW) })
    await banner(other.page).getByText(`A change of pa (${NEW}/24) by admin`).waitFor()
    expect(await banner(other.page).getByRole('timer').textContent()).toMatch(/^(1 min|\d+ s)/)
    expect(await graveFindings(other.page)).toEqual([])
    await banner(other.page).getByRole('button', { name: 'Keep' }).click()
    await other.page.getByText('The addresses stay, and the settings say so.').waitFor()
    await banner(other.page).waitFor({ state: 'detached' })
    expect(await pending()).toBeNull()
    expect((await site.host.networkShow()).ports).toMatchObject([{ interface: 'pa', address: `${NEW}/24`, zone: 'service' }])
    const { text, revision } = await agent().settings()
    expect(text).toMatch(/interface: pa, zone: service, address: 10\.88\.0\.5\/24, gateway: 10\.88\.0\.1 \} # to the router/)
    // And back: the browser of the others knows the old one.
    await agent().settingsApply({ text: SETTINGS, base: revision, by: 'anna' })
    await site.host.networkApply({
      ports: [{ interface: 'pa', address: `${OLD}/24`, gateway: '10.77.0.1' }],
      confirmWithinMs: 60_000,
      by: 'anna',
    })
    await site.host.networkConfirm()
    await Promise.all([context.close(), other.context.close()])
  })

  test('a browser that came by a name, or by another port, is told too that nobody answers any more', async () => {
    const { page, context } = await open()
    const dialog = await asked(page, 'pb', '10.20.1.9/24', '')
    expect(await dialog.getByText('Your own way in').count()).toBe(0)
    await page.route('**/api/v1/network/apply', (route) => route.abort())
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.getByRole('alert').getByText('The box no longer answers here').waitFor()
    await dialog.getByRole('alert').getByText('keep the change within 2 min').waitFor()
    expect(await graveFindings(page)).toEqual([])
    await context.close()
  })

  test('time servers: what they would become stands there first; a system that cannot says so, and nothing is changed', async () => {
    const { page, context, complaints } = await open()
    const card = page.locator('.card', { has: page.getByRole('heading', { name: 'Time servers' }) })
    await card.getByText('None named').waitFor()
    await card.getByRole('button', { name: 'Edit Time servers' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Names or addresses of NTP servers').fill('ntp.plant.example, 10.77.0.1')
    await dialog.getByText('time.servers').waitFor()
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.getByRole('alert').getByText('Failed clockServers').waitFor()
    expect(await graveFindings(page)).toEqual([])
    expect((await agent().settings()).text).not.toContain('ntp.plant.example')
    expect(complaints).toEqual([])
    await context.close()
  })

  test('the clock is set by the time of whoever stands before the box', async () => {
    const { page, context, complaints } = await open()
    const asked: { ms?: number }[] = []
    // It would be this machine's own.
    await page.route('**/api/v1/clock/set', async (route) => {
      asked.push(route.request().postDataJSON() as { ms?: number })
      await route.fulfill({ json: {} })
    })
    await page.getByRole('button', { name: 'Set the clock' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Here it is').waitFor()
    expect(await graveFindings(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await page.getByText('The clock of the box is set').waitFor()
    expect(asked).toHaveLength(1)
    expect(Math.abs((asked[0]?.ms ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(complaints).toEqual([])
    await context.close()
  })

  test('somebody was faster: it is said before anything is changed; and what the settings say is put in force', async () => {
    const { page, context, complaints } = await open()
    const dialog = await asked(page, 'pb', '10.20.1.9/24', '')
    await site.host.networkApply({ ports: [{ interface: 'pb', address: '10.20.1.7/24' }], confirmWithinMs: 60_000, by: 'ben' })
    await site.host.networkConfirm()
    await dialog.getByRole('button', { name: 'Apply' }).click()
    await dialog.getByText('Somebody else has changed this port since').waitFor()
    expect(net.addresses('pb')).toEqual(['10.20.1.7/24'])
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Put the settings in force' }).click()
    await page.getByRole('dialog').getByText('10.20.1.5/24').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click()
    await banner(page).getByText('pb (10.20.1.5/24)').waitFor()
    expect(net.addresses('pb')).toEqual(['10.20.1.5/24'])
    await banner(page).getByRole('button', { name: 'Take back' }).click()
    await banner(page).waitFor({ state: 'detached' })
    expect(net.addresses('pb')).toEqual(['10.20.1.7/24'])
    expect(complaints).toEqual([])
    await context.close()
  })
})
