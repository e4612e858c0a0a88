// axe-core on a page as it stands: what an assistive technology would stumble over.
import axe from 'axe-core'
import type { Page } from 'playwright-core'

interface Result {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string | null
    readonly help: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/** Findings that are serious or critical. */
export async function graveFindings(page: Page): Promise<string[]> {
  // Not by a script element: the page's own policy would refuse it.
  await page.evaluate(axe.source)
  const result = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as Result
  return result.violations
    .filter((it) => it.impact === 'serious' || it.impact === 'critical')
    .flatMap((it) => it.nodes.map((node) => `${it.id}: ${it.help}: ${node.html.slice(0, 200)} (${node.failureSummary})`))
}

const WIDTHS = [360, 768, 1440]
const SHOTS = process.env['HOLDFAST_SHOTS']

/** Each width, light and dark; kept as pictures where HOLDFAST_SHOTS names a folder. Yields what is wrong: sideways scrolling, and grave findings. */
export async function lookedAt(page: Page, name: string): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      const over = (await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')) as number
      if (over > 0) found.push(`${name} at ${width}: ${over} px too wide`)
      if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true })
    }
    found.push(...(await graveFindings(page)).map((it) => `${name}, ${colorScheme}: ${it}`))
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1440, height: 900 })
  return found
}

const TARGETS =
  'button, a.button, select, input:not([type=checkbox]):not([type=range]):not(.unseen), textarea, nav a, label.check'

/** What a thumb would miss at this width: lower than 44 pixels. Links within a text are as high as their line. */
export async function smallTargets(page: Page): Promise<string[]> {
  return (await page.evaluate(`[...document.querySelectorAll(${JSON.stringify(TARGETS)})].flatMap((it) => {
    const { width, height } = it.getBoundingClientRect()
    return width === 0 || height >= 43.5 ? [] : [it.outerHTML.slice(0, 120) + ': ' + Math.round(height) + ' px']
  })`)) as string[]
}
