// A box that has much to decide: classes with ladders, an uplink with ways, hours and a budget that does not answer; its admin is logged in.
import type { BrowserContext, Page } from 'playwright-core'
import { parse, stringify } from 'yaml'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Scene } from './scene.ts'
import { logIn, openScene } from './scene.ts'

export interface Box extends Scene {
  readonly api: AgentApi
  /** The admin's. */
  readonly context: BrowserContext
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
kafka: { brokers: ["127.0.0.1:9"], insecure: a test on loopback }
links:
  - { interface: eth9, classes: all }
  - { interface: lo, classes: [alarm], bytesPerSecondMax: 20kB, budget: { bytes: 500MB, per: month } }
windows:
  - { at: "22:00-06:00", zone: Europe/Berlin, classes: all }
  - { at: always, classes: [alarm] }
`

const NOTIFY = `
name: shift
on: { tags: ["alarms/*"], classes: [alarm] }
webhook: { url: "https://127.0.0.1:9/hook" }
`

export async function startBox(): Promise<Box> {
  const scene = await openScene({
    settings: (plant) => {
      const { sources } = parse(plant) as { sources: readonly unknown[] }
      const rest = { version: 1, device: { id: 'hf-page', site: 'hall-1' }, log: { bytesMax: '500MB' } }
      return `# of the hall\n${stringify({ ...rest, classes: parse(CLASSES), sources, uplinks: [parse(UPLINK)], notify: [parse(NOTIFY)] })}`
    },
  })
  const { context, page } = await logIn(scene, { viewport: { width: 1440, height: 900 } })
  await page.close()
  // A machine that others load too.
  context.setDefaultTimeout(60_000)
  return { ...scene, api: connectAgent(scene.site.data), context }
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
