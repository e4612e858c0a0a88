// How long log-in and the first view take over 10 Mbit/s with 20 ms of latency, cold: a browser of its own for each turn. Prints the least and the
// middle of all turns, what was fetched, and when: node test/page/load.main.ts [TURNS]
import type { BrowserContext, Page } from 'playwright-core'
import { until } from '../route/until.ts'
import { logIn, openScene } from './scene.ts'

const TURNS = Number(process.argv[2] ?? 9)
const LINK = { offline: false, latency: 20, downloadThroughput: 1_250_000, uploadThroughput: 1_250_000 }

interface Turn {
  readonly ms: number
  readonly bytes: number
  readonly requests: readonly string[]
}

const scene = await openScene({ settings: (plant) => plant })
try {
  const { context } = await logIn(scene)
  const known = await context.storageState()
  await context.close()
  report('log-in', await turns('input[name=password]', {}))
  report('first view', await turns('.route .stage .lines li', { storageState: known }))
} finally {
  await scene.close()
}

async function turns(seen: string, options: Parameters<typeof scene.open>[0]): Promise<readonly Turn[]> {
  const all: Turn[] = []
  for (let n = 0; n < TURNS; n++) {
    const { page, context } = await scene.open(options)
    all.push(await turn(page, context, seen))
    await context.close()
  }
  return all.toSorted((a, b) => a.ms - b.ms)
}

async function turn(page: Page, context: BrowserContext, seen: string): Promise<Turn> {
  const session = await context.newCDPSession(page)
  let bytes = 0
  await session.send('Network.enable')
  session.on('Network.loadingFinished', (it) => (bytes += it.encodedDataLength))
  await session.send('Network.emulateNetworkConditions', LINK)
  // By the page's own clock: how late we hear of it counts for nothing.
  await page.addInitScript(`new MutationObserver((_, self) => {
    if (!document.querySelector(${JSON.stringify(seen)})) return
    self.disconnect()
    requestAnimationFrame(() => { window.seenAt = performance.now() })
  }).observe(document, { childList: true, subtree: true })`)
  await page.goto('/')
  await page.locator(seen).first().waitFor()
  const ms = await until('it was seen', async () => (await page.evaluate('window.seenAt')) as number | undefined)
  const requests = (await page.evaluate(`performance.getEntriesByType('resource').map((it) =>
    it.name.replace(/.*\\/(api.v1|assets)?/, '') + ' ' + Math.round(it.startTime) + ' to ' + Math.round(it.responseEnd) + ' ms')`)) as string[]
  return { ms, bytes, requests }
}

function report(what: string, all: readonly Turn[]): void {
  const [least, middle] = [all[0], all[Math.floor(all.length / 2)]] as [Turn, Turn]
  console.log(
    `${what}: there after ${Math.round(middle.ms)} ms (least ${Math.round(least.ms)}), ${(middle.bytes / 1000).toFixed(1)} kB`,
  )
  for (const it of least.requests) console.log(`  ${it}`)
}
