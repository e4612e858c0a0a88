// What holds on every page: an accessibility checker finds nothing serious, nothing is wider than a phone, the keyboard reaches everything and
// shows where it is, nothing comes from outside, and the first view is small and quick.
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { graveFindings, smallTargets } from './axe.ts'
import type { Scene, Visit } from './scene.ts'
import { logIn, openScene } from './scene.ts'

const FIRST_VIEW_BYTES_MAX = 60_000
const TEN_MBIT_BYTES = 1_250_000

/** Each with what stands there once it is drawn. */
const PLACES: readonly (readonly [path: string, seen: string])[] = [
  ['/', '.issues > li'],
  ['/sources', '.table tbody tr'],
  ['/sources/line-1', '.table tbody tr'],
  ['/sources/line-1/edit', 'form input'],
  ['/sources/line-1/browse', '.tree li'],
  ['/sources/new', '.choose button'],
  ['/tags', '.grid tbody tr'],
  // Neither the helper of root nor the updater runs here: these pages say so, and what can be seen is there.
  ['/network', '.notice ~ .ports .table'],
  ['/update', '.notice a[href$="code=updater-unreachable"]'],
  ['/fleet', '.notice a[href$="code=updater-unreachable"]'],
  ['/security', '.fingerprint'],
  ['/diagnostics', '.resources'],
  ['/backup', '.file-button'],
  ['/setup', '.setup-steps'],
]

let scene: Scene

beforeAll(async () => {
  scene = await openScene({ settings: (plant) => plant })
})
afterAll(() => scene?.close())

const wider = (page: Page) => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

async function goTo({ page }: Visit, path: string, seen: string): Promise<void> {
  await page.goto(path)
  await page.locator(seen).first().waitFor()
}

describe.each([
  ['a phone in the light', { viewport: { width: 360, height: 740 }, colorScheme: 'light' }],
  ['a desk in the dark', { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' }],
  ['a tablet in high contrast', { viewport: { width: 768, height: 1024 }, colorScheme: 'light' }],
] as const)('on %s', (name, options) => {
  let visit: Visit
  beforeAll(async () => {
    visit = await logIn(scene, options)
    if (name.includes('contrast')) await visit.page.evaluate("localStorage.setItem('theme', 'contrast')")
  })
  afterAll(() => visit?.context.close())

  test.each(PLACES)('%s', async (path, seen) => {
    await goTo(visit, path, seen)
    expect(await graveFindings(visit.page)).toEqual([])
    expect(await wider(visit.page)).toBe(0)
    if (name.includes('phone')) expect(await smallTargets(visit.page)).toEqual([])
    expect({ complaints: visit.complaints, outside: visit.outside }).toEqual({ complaints: [], outside: [] })
  })
})

test('log-in has no serious finding, and the first view is small', async () => {
  const { page, context } = await scene.open()
  let bytes = 0
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  session.on('Network.loadingFinished', (it) => (bytes += it.encodedDataLength))
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 5,
    downloadThroughput: TEN_MBIT_BYTES,
    uploadThroughput: TEN_MBIT_BYTES,
  })
  await page.goto('/')
  await page.getByLabel('Password').waitFor()
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThan(FIRST_VIEW_BYTES_MAX)
  const ms = await page.evaluate('performance.now()')
  console.log(`log-in: ${(bytes / 1000).toFixed(1)} kB, there after ${Math.round(ms as number)} ms at 10 Mbit/s`)
  expect(await graveFindings(page)).toEqual([])
  await context.close()
})

test('the keyboard reaches the content at once, then everything, and shows where it is', async () => {
  const visit = await logIn(scene)
  const { page } = visit
  await goTo(visit, '/sources', '.table tbody tr')
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement.className')).toBe('skip')
  const seen = new Set<string>()
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab')
    const it = (await page.evaluate(`(() => {
      const it = document.activeElement
      if (it === document.body) return null
      const { outlineStyle, outlineWidth } = getComputedStyle(it)
      return { name: (it.getAttribute('aria-label') ?? it.innerText ?? '').trim(), isMarked: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
    })()`)) as { name: string; isMarked: boolean } | null
    if (it === null) break
    expect(it).toMatchObject({ isMarked: true })
    seen.add(it.name)
  }
  for (const name of ['Overview', 'Sources', 'Tags', 'Add a source', 'line-1', 'furnace']) expect([...seen]).toContain(name)
  await page.getByRole('link', { name: 'Add a source' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Add a source' }).waitFor()
  await visit.context.close()
})
