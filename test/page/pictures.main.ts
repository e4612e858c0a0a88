// Pictures of every page in both languages, at three widths, in light, dark and high contrast, into the folder that is named; prints what is
// wider than its screen, and words that stand there as their keys. To be looked at by a person: node test/page/pictures.main.ts FOLDER [PAGE …]
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { startBox } from './box.ts'
import { ADMIN } from './scene.ts'

const [folder, ...only] = process.argv.slice(2)
if (folder === undefined) throw new Error('name a folder for the pictures')
mkdirSync(folder, { recursive: true })

/** Name, address, and what is pressed there first. */
const PLACES: readonly (readonly [name: string, path: string, press?: string])[] = [
  ['overview', '/'],
  ['sources', '/sources'],
  ['source', '/sources/line-1'],
  ['source-edit', '/sources/line-1/edit'],
  ['browse', '/sources/line-1/browse'],
  ['source-new', '/sources/new'],
  ['tags', '/tags'],
  ['retention', '/retention'],
  ['log', '/log'],
  ['uplinks', '/uplinks'],
  ['uplink-edit', '/uplinks', 'Edit|Bearbeiten'],
  ['notifier-new', '/uplinks', 'Add a notifier|Melder hinzufügen'],
  ['network', '/network'],
  ['update', '/update'],
  ['fleet', '/fleet'],
  ['settings', '/settings'],
  ['history', '/settings/history'],
  ['secrets', '/settings/secrets'],
  ['security', '/security'],
  ['diagnostics', '/diagnostics'],
  ['backup', '/backup'],
  ['about', '/about'],
  ['manual', '/about/manual'],
  ['setup', '/setup'],
]
const WIDTHS = [360, 768, 1440]
const THEMES = ['light', 'dark', 'contrast']
const SETTLED_MS_MAX = 20_000

const box = await startBox()
try {
  for (const [language, locale] of [
    ['de', 'de-DE'],
    ['en', 'en-GB'],
  ] as const) {
    const { page } = await box.open({ locale, viewport: { width: 1440, height: 900 } })
    await page.goto('/')
    await page.locator('input[name=user]').waitFor()
    await pictured(page, `${language}-log-in`)
    await page.locator('input[name=user]').fill(ADMIN.name)
    await page.locator('input[name=password]').fill(ADMIN.password)
    await page.locator('button[type=submit]').click()
    await page.locator('.shell').waitFor()
    for (const [name, path, press] of PLACES.filter(([it]) => only.length === 0 || only.includes(it))) {
      await page.goto(path)
      await settled(page)
      if (press !== undefined)
        await page
          .getByRole('button', { name: new RegExp(`^(${press})$`) })
          .first()
          .click()
      await settled(page)
      await pictured(page, `${language}-${name}`)
    }
  }
} finally {
  await box.close()
}

async function settled(page: Page): Promise<void> {
  await page.locator('main').waitFor()
  await page
    .locator('.waiting')
    .first()
    .waitFor({ state: 'detached', timeout: SETTLED_MS_MAX })
    .catch(() => console.log(`${page.url()} still waits`))
  await page.waitForTimeout(400)
}

async function pictured(page: Page, name: string): Promise<void> {
  for (const theme of THEMES) {
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`)
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await page.waitForTimeout(100)
      const over = (await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')) as number
      if (over > 0) console.log(`${name} at ${width}: ${over} px too wide`)
      await page.screenshot({ path: join(folder as string, `${name}-${width}-${theme}.png`), fullPage: true })
    }
  }
  const text = (await page.evaluate('document.body.innerText')) as string
  const keys = text.split(/\s+/).filter((it) => /^[a-z]+\.[a-z][A-Za-z]*(\.[a-z]+)*$/.test(it))
  if (keys.length > 0) console.log(`${name}: ${keys.join(' ')}`)
}
