// A box as its owner meets it: the real agent, the real panel, a simulated plant, and a real browser before them.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { freePort, mosquitto } from '../plant/helpers.ts'
import type { Agent, Site } from '../route/agent.ts'
import { siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'

const CHROMIUM = '/usr/bin/chromium'
const BUILT = join(import.meta.dirname, '../../build/page/index.html')
export const PASSWORD = 'four words by chance'

interface Who {
  readonly name: string
  readonly password: string
}

export const ADMIN: Who = { name: 'admin', password: PASSWORD }

export interface Scene {
  readonly site: Site
  readonly agent: Agent
  /** Of the panel. */
  readonly url: string
  readonly opcua: string
  readonly modbusPort: number
  readonly browser: Browser
  /** What stands on label and console. */
  readonly claimCode: string
  /** A browser of its own: cookies and all. Its errors, and what the page's policy forbids, come into `complaints`. */
  open(options?: Parameters<Browser['newContext']>[0]): Promise<Visit>
  close(): Promise<void>
}

export interface Visit {
  readonly context: BrowserContext
  readonly page: Page
  readonly complaints: string[]
  /** Addresses that were asked for outside of the panel. */
  readonly outside: string[]
}

export interface SceneOptions {
  /** Out of what the plant offers; absent: the smallest file. */
  readonly settings?: (plant: string) => string
  readonly isClaimed?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** False: there is nothing to read. */
  readonly hasPlant?: boolean
  /** The panel and the browser in network namespaces: words before each, and the address of the one that the other knows. */
  readonly apart?: { readonly panel: readonly string[]; readonly browser: readonly string[]; readonly address: string }
}

/** The smallest file that an agent runs on. */
const SMALLEST = 'version: 1\n'

export async function openScene({
  settings,
  isClaimed = true,
  env = {},
  hasPlant = true,
  apart,
}: SceneOptions = {}): Promise<Scene> {
  if (!existsSync(BUILT)) throw new Error('the page is not built: make page')
  const dir = mkdtempSync(join(tmpdir(), 'hf-page-'))
  const endings: (() => Promise<unknown>)[] = [async () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 })]
  const close = async () => {
    for (const end of endings.toReversed()) await end().catch(() => {})
  }
  try {
    const [opcuaPort, modbusPort] = [await freePort(), await freePort()]
    const offered = hasPlant ? await plantIn(dir, opcuaPort, modbusPort, endings) : ''
    const site = siteIn(dir, settings?.(offered) ?? SMALLEST, env)
    const agent = await startAgent(site)
    endings.push(() => agent.end())
    const listen = apart ? '0.0.0.0:0' : '127.0.0.1:0'
    const [program = '', ...words] = [...(apart?.panel ?? []), process.execPath, cli, 'panel']
    const panel = startChild(dir, 'panel', program, [...words, '--data', site.data, '--listen', listen])
    endings.push(() => panel.end())
    const found = await until('the panel answers', () => running(panel) && urlIn(site.data))
    const url = apart ? found.replace('localhost', apart.address) : found
    const executablePath = apart ? insideOf(dir, apart.browser) : CHROMIUM
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
    endings.push(() => browser.close())
    // Its plain text is gone once the box is claimed.
    const code = readFileSync(join(site.data, 'access', 'claim-code'), 'utf8').trim()
    const scene: Scene = {
      site,
      agent,
      url,
      browser,
      opcua: `opc.tcp://127.0.0.1:${opcuaPort}`,
      modbusPort,
      claimCode: code,
      open: (options) => openVisit(browser, url, options),
      close,
    }
    if (isClaimed) await claimIn(scene)
    return scene
  } catch (error) {
    await close()
    throw error
  }
}

/** A program that is the browser, started by other words. */
function insideOf(dir: string, words: readonly string[]): string {
  const path = join(dir, 'chromium')
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} ${CHROMIUM} "$@"\n`, { mode: 0o755 })
  return path
}

/** Resolves with the settings that it offers. */
async function plantIn(dir: string, opcuaPort: number, modbusPort: number, endings: (() => Promise<unknown>)[]): Promise<string> {
  const broker = await mosquitto(dir)
  endings.push(async () => broker[Symbol.asyncDispose]())
  const plant = startPlant(dir, opcuaPort, modbusPort, broker.url)
  endings.push(() => plant.end())
  const offered = join(dir, 'plant.yaml')
  return until('the plant serves', () => running(plant) && existsSync(offered) && readFileSync(offered, 'utf8'), 120_000)
}

function startPlant(dir: string, opcuaPort: number, modbusPort: number, mqtt: string): Child {
  const serves = ['--opcua-port', String(opcuaPort), '--modbus-port', String(modbusPort), '--mqtt', mqtt]
  const writes = ['--dir', join(dir, 'plant'), '--settings', join(dir, 'plant.yaml'), '--brokers', '127.0.0.1:1']
  return startChild(dir, 'plant', process.execPath, [cli, 'plant', '--preset', 'demo', ...serves, ...writes])
}

function running(child: Child): true {
  if (!child.isRunning()) throw new Error(`the ${child.name} ended: ${lastLines(child.logFile, 5).join('\n')}`)
  return true
}

function urlIn(data: string): string | false {
  const path = join(data, 'run', 'panel.json')
  return existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { url: string }).url
}

async function openVisit(browser: Browser, url: string, options: Parameters<Browser['newContext']>[0]): Promise<Visit> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: url, locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const complaints: string[] = []
  const outside: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // The browser itself says so of every answer that is no success, those that the page awaits too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data|about):/.test(request.url())) outside.push(request.url())
  })
  return { context, page, complaints, outside }
}

/** Through the page, as everybody does. */
async function claimIn(scene: Scene): Promise<void> {
  const { page, context } = await scene.open()
  await page.goto('/')
  await page.getByLabel('Claim code').fill(scene.claimCode)
  await page.getByLabel('New password').fill(PASSWORD)
  await page.getByLabel('The password again').fill(PASSWORD)
  await page.getByRole('button', { name: 'Claim' }).click()
  await page.getByRole('heading', { name: 'First run' }).waitFor()
  await context.close()
}

/** A browser in which somebody is logged in: the admin, unless another is named. */
export async function logIn(scene: Scene, options?: Parameters<Scene['open']>[0], who: Who = ADMIN): Promise<Visit> {
  const visit = await scene.open(options)
  const { page } = visit
  await page.goto('/')
  await page.locator('input[name=user]').fill(who.name)
  await page.locator('input[name=password]').fill(who.password)
  await page.locator('button[type=submit]').click()
  await page.locator('.shell').waitFor()
  return visit
}
