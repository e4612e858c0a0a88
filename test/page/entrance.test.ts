// Before anybody is signed in: what is shown of the box, and nothing more.
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { graveFindings } from './axe.ts'
import type { Scene } from './scene.ts'
import { openScene, PASSWORD } from './scene.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene({ isClaimed: false, hasPlant: false })
}, 180_000)
afterAll(() => scene?.close())

/** What a browser finds in the handshake. */
function shaken(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('the fingerprint stands on the claim page and on the log-in page, as the handshake has it', {
  timeout: 120_000,
}, async () => {
  const { page, context, complaints } = await scene.open({ viewport: { width: 360, height: 740 } })
  const stands = async () => (await page.locator('code.fingerprint').textContent())?.replaceAll(/\s/g, '')
  const expected = await shaken(scene.url)
  expect(expected).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  await page.goto('/')
  await page.getByLabel('Claim code').waitFor()
  expect(await page.locator('code.fingerprint').isVisible()).toBe(true)
  expect(await stands()).toBe(expected)
  expect(await graveFindings(page)).toEqual([])
  await page.getByLabel('Claim code').fill(scene.claimCode)
  await page.getByLabel('New password').fill(PASSWORD)
  await page.getByLabel('The password again').fill(PASSWORD)
  await page.getByRole('button', { name: 'Claim' }).click()
  await page.getByRole('heading', { name: 'First run' }).waitFor()
  await context.clearCookies()
  await page.goto('/')
  await page.getByText('Why did the browser warn me?').click()
  await page.locator('code.fingerprint').waitFor()
  expect(await stands()).toBe(expected)
  expect(await graveFindings(page)).toEqual([])
  expect(complaints).toEqual([])
  await context.close()
})
