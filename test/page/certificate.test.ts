// The page's certificate, replaced on the page itself, in a real browser: refused with the reason, then served; by a request, and anew. And who may in.
import { once } from 'node:events'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { X509Certificate } from 'node:crypto'
import { authority } from '../access/authority.ts'
import { lookedAt } from './axe.ts'
import type { Box } from './box.ts'
import { openAt, startBox } from './box.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

let box: Box

beforeAll(async () => {
  box = await startBox()
})
afterAll(() => box?.close())

async function served(): Promise<X509Certificate> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(box.url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate() as X509Certificate
  socket.destroy()
  return certificate
}

test('one of the owner’s authority, one that was asked for, and one of the box’s own', async () => {
  const plant = await authority('Plant root')
  const [issued, other] = [await plant.issue({ name: 'box.plant.example' }), await plant.issue()]
  const page = await openAt(box.context, box.url, '/security')
  await page.getByText('The box made it for itself.').waitFor()
  expect(await lookedAt(page, 'certificate')).toEqual([])
  await page.getByRole('button', { name: 'Replace' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Certificate', { exact: true }).fill(issued.cert)
  await dialog.getByLabel('Private key').fill(other.key)
  await dialog.getByRole('button', { name: 'Replace' }).click()
  await dialog.getByText('the private key is of another certificate').first().waitFor()
  expect(await lookedAt(page, 'certificate-refused')).toEqual([])
  await dialog.getByLabel('Private key').fill(issued.key)
  await dialog.getByRole('button', { name: 'Replace' }).click()
  await page.getByText('Installed by the owner.').first().waitFor()
  await page.getByText('For box.plant.example').waitFor()
  const fingerprint = new X509Certificate(issued.cert).fingerprint256
  await page.getByText(fingerprint).waitFor()
  expect((await served()).fingerprint256).toBe(fingerprint)

  await page.getByRole('button', { name: 'Make a request' }).click()
  const request = await dialog.locator('pre').innerText()
  await dialog.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Replace' }).click()
  const answer = await plant.answer(request)
  await dialog.getByLabel('Certificate', { exact: true }).fill(answer)
  await dialog.getByRole('button', { name: 'Replace' }).click()
  await page.getByText(new X509Certificate(answer).fingerprint256).waitFor()

  await page.getByRole('button', { name: 'Make a new own one' }).click()
  await dialog.getByRole('button', { name: 'Make a new own one' }).click()
  await page.getByText('The box made it for itself.').waitFor()
  const own = await served()
  expect(own.verify(own.publicKey)).toBe(true)
  expect(page.faults).toEqual([])
  await page.close()
})

test('a user, a token and the way in by the claim code go only after what ends has been read', async () => {
  const page = await openAt(box.context, box.url, '/security')
  const dialog = page.getByRole('dialog')
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const pressIn = (name: string) => dialog.getByRole('button', { name, exact: true }).click()
  await press('Add a user')
  await dialog.getByLabel('Name').fill('tom')
  await dialog.getByLabel('First password').fill('another four words')
  await pressIn('Add a user')
  await press('Edit tom')
  await pressIn('Remove …')
  await dialog.getByText('tom cannot log in any more').waitFor()
  await dialog.getByText('0 open sessions end at once.').waitFor()
  expect(await lookedAt(page, 'user-goes')).toEqual([])
  await pressIn('Cancel')
  await press('Edit tom')
  await pressIn('Remove …')
  await pressIn('Remove')
  await page.getByRole('button', { name: 'Edit tom' }).waitFor({ state: 'detached' })

  await press('Make a token')
  await dialog.getByLabel('Name').fill('scada')
  await pressIn('Make a token')
  const token = await dialog.locator('code.fingerprint').innerText()
  await dialog.locator('footer').getByRole('button', { name: 'Close' }).click()
  const bearer = { headers: { authorization: `Bearer ${token}` }, data: {} }
  const asked = async () => (await page.request.post(`${box.url}/api/v1/status`, bearer)).status()
  expect(await asked()).toBe(200)
  await press('Revoke scada')
  await dialog.getByText('Scripts that use scada (Viewer) get nothing more').waitFor()
  await pressIn('Revoke')
  await page.getByText('There are no tokens.').waitFor()
  expect(await asked()).toBe(401)

  await press('Switch off …')
  await dialog.locator('.diff').getByText('allowed').waitFor()
  await dialog.getByText('There is one admin only.').waitFor()
  expect(await lookedAt(page, 'reset-off')).toEqual([])
  await pressIn('Apply')
  await page.getByRole('button', { name: 'Switch on …' }).waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Switch on …' }).waitFor()
  expect(page.faults).toEqual([])
  await page.close()
})
