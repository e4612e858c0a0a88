// A box as somebody meets it: a small plant, the real agent that reads it, the real panel, and a Chromium that is logged in. Its uplink does not answer.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { parse, stringify } from 'yaml'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { plantSettings } from '../../src/plant/settings-yaml.ts'
import type { Agent } from '../route/agent.ts'
import { siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { askHttps } from '../web/panel.ts'

const PASSWORD = 'four words by chance'
const NOWHERE = '127.0.0.1:9'
const CHROMIUM = '/usr/bin/chromium'

export interface Box {
  readonly dir: string
  readonly url: string
  readonly agent: Agent
  readonly api: AgentApi
  readonly plant: Plant
  readonly browser: Browser
  /** Of the first admin, `anna`. */
  readonly context: BrowserContext
  /** Another browser, logged in as somebody. */
  logIn(user: string, password?: string): Promise<BrowserContext>
  close(): Promise<void>
}

const CLASSES = `
- { name: alarm, floor: 2MB } # raw throughout
- name: process
  ladder:
    - { offlineFor: 7d, keep: { aggregate: 10s } }
    - { offlineFor: 30d, keep: { aggregate: 5m } }
    - { filledTo: 80%, keep: { aggregate: 1m } }
- name: debug
  ladder:
    - { offlineFor: 1d, keep: nothing }
`
const UPLINK = `
name: cloud
kafka: { brokers: ["${NOWHERE}"], insecure: a test on loopback }
links:
  - { interface: eth9, classes: all }
  - { interface: lo, classes: [alarm], bytesPerSecondMax: 20kB, budget: { bytes: 500MB, per: month } }
windows:
  - { at: "22:00-06:00", zone: Europe/Berlin, classes: all }
  - { at: always, classes: [alarm] }
`

export async function startBox(): Promise<Box> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-page-'))
  const plan = loadPlan(3, { opcuaItems: 0, modbusDevices: 2, modbusRegisters: 12, modbusEveryMs: 500, mqttSensors: 0 })
  const plant = await startPlant({ plan, dir: join(dir, 'plant'), modbus: { port: 0 }, failed: () => {} })
  const made = parse(
    plantSettings(plan, plant.endpoints, { device: { id: 'hf-page', site: 'hall-1' }, brokers: [NOWHERE], bytesMax: '500MB' }),
  )
  const settings = { ...made, classes: parse(CLASSES), uplinks: [parse(UPLINK)] }
  const site = siteIn(dir, `# of the hall\n${stringify(settings)}`)
  const agent = await startAgent(site)
  const panel = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', site.data, '--listen', '127.0.0.1:0'])
  const { url } = await until('the panel is up', async () => {
    if (!panel.isRunning()) throw new Error(`the panel ended: ${readFileSync(panel.logFile, 'utf8').slice(-2_000)}`)
    return placeIn(site.data)
  })
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  const code = readFileSync(join(site.data, 'access', 'claim-code'), 'utf8').trim()
  const context = await contextOf(
    browser,
    url,
    await askHttps(`${url}/api/v1/claim`, { method: 'POST', body: { code, name: 'anna', password: PASSWORD } }),
  )
  return {
    dir,
    url,
    agent,
    api: connectAgent(site.data),
    plant,
    browser,
    context,
    logIn: async (user, password = PASSWORD) =>
      contextOf(browser, url, await askHttps(`${url}/api/v1/login`, { method: 'POST', body: { name: user, password } })),
    async close() {
      await browser.close()
      await panel.end()
      await agent.end()
      await plant.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function placeIn(data: string): { url: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(data, 'run', 'panel.json'), 'utf8')) as { url: string }
  } catch {
    return undefined
  }
}

async function contextOf(
  browser: Browser,
  url: string,
  reply: { status: number; text: string; headers: NodeJS.Dict<string | string[]> },
): Promise<BrowserContext> {
  if (reply.status !== 200) throw new Error(`not let in: ${reply.text}`)
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, locale: 'en-GB' })
  const lines = [reply.headers['set-cookie'] ?? []].flat()
  await context.addCookies(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      return { name, value, url, secure: true, httpOnly: true, sameSite: 'Strict' as const }
    }),
  )
  // A machine that others load too.
  context.setDefaultTimeout(60_000)
  return context
}

/** A page of the box, with what its console says of errors. */
export async function openAt(context: BrowserContext, url: string, path: string): Promise<Page & { readonly faults: string[] }> {
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (it) => {
    if (it.type() === 'error' && /Content Security Policy|Refused/.test(it.text())) faults.push(it.text())
  })
  await page.goto(url + path)
  return Object.assign(page, { faults })
}
