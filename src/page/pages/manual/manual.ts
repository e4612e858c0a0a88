// The manual's pages and what is found in them.

export interface ManualPage {
  readonly name: string
  readonly title: string
  readonly sections: readonly ManualSection[]
}

export interface ManualSection {
  /** Of the heading; empty: the page's own head. A code's section has the code. */
  readonly id: string
  readonly title: string
  readonly level: number
  readonly html: string
}

export interface Found {
  readonly page: ManualPage
  readonly section: ManualSection
  /** A piece of its text around the first word. */
  readonly excerpt: string
}

const FOUND_MAX = 30
const EXCERPT_CHARS = 140
const IN_TITLE = 10

/** Sections that have every word of `words`, those with them in the title first. */
export function search(pages: readonly ManualPage[], words: string): Found[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return []
  const found = pages.flatMap((page) =>
    page.sections.flatMap((section) => {
      const text = plainText(section)
      const score = scoreOf(wanted, section.title.toLowerCase(), text.toLowerCase())
      return score > 0 ? [{ score, found: { page, section, excerpt: excerptOf(text, wanted[0] as string) } }] : []
    }),
  )
  return found
    .toSorted((a, b) => b.score - a.score)
    .slice(0, FOUND_MAX)
    .map((it) => it.found)
}

/** 0: a word is missing. */
function scoreOf(wanted: readonly string[], title: string, text: string): number {
  if (wanted.some((it) => !title.includes(it) && !text.includes(it))) return 0
  const inTitle = wanted.filter((it) => title.includes(it)).length
  return 1 + inTitle * IN_TITLE + (title === wanted.join(' ') ? IN_TITLE * IN_TITLE : 0)
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&#39;': "'" }

export function plainText({ html }: ManualSection): string {
  return html
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/&(?:lt|gt|amp|quot|#39);/g, (it) => ENTITIES[it] ?? it)
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function excerptOf(text: string, word: string): string {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - EXCERPT_CHARS / 3)
  const piece = text.slice(at, at + EXCERPT_CHARS)
  return `${at > 0 ? '… ' : ''}${piece}${at + EXCERPT_CHARS < text.length ? ' …' : ''}`
}

/** The page that has the entry of a code. */
export function pageOfCode(pages: readonly ManualPage[], code: string): ManualPage | undefined {
  const id = code.replace(/^(exception|mqtt)-\d+$/, '$1-n')
  return pages.find((page) => page.sections.some((it) => it.level === 3 && it.id === id))
}
