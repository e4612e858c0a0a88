// The manual as modules: Markdown becomes HTML while the page is built, so that the browser parses nothing. `virtual:manual/en` holds all pages of a language.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Marked } from 'marked'
import type { Plugin } from 'vite'
import type { ManualPage, ManualSection } from './src/page/pages/manual/manual.ts'

const PREFIX = 'virtual:manual/'
const START = 'index'

export function manualPages(dir: string): Plugin {
  return {
    name: 'manual-pages',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined
      const folder = join(dir, id.slice(PREFIX.length + 1))
      for (const it of readdirSync(folder)) this.addWatchFile(join(folder, it))
      return `export default ${JSON.stringify(manualOf(folder))}`
    },
  }
}

/** The start page first, the others in the order in which it links to them. */
export function manualOf(folder: string): ManualPage[] {
  const texts = new Map(
    readdirSync(folder)
      .filter((it) => it.endsWith('.md'))
      .map((it) => [it.slice(0, -3), readFileSync(join(folder, it), 'utf8')] as const),
  )
  return reachedFrom(START, texts).map((name) => pageOf(name, texts.get(name) ?? ''))
}

function reachedFrom(start: string, texts: ReadonlyMap<string, string>): string[] {
  const reached = new Set([start])
  for (const name of reached)
    for (const [, target] of (texts.get(name) ?? '').matchAll(/\]\(([\w-]+)\.md/g))
      if (target !== undefined && texts.has(target)) reached.add(target)
  return [...reached]
}

function pageOf(name: string, text: string): ManualPage {
  const [head = '', ...rest] = text.split(/^(?=#{2,3} )/m)
  const title = /^# (.+)$/m.exec(head)?.[1] ?? name
  const first: ManualSection = { id: '', title, level: 1, html: html(head.replace(/^# .+$/m, '')) }
  return { name, title, sections: [first, ...rest.map(sectionOf)] }
}

function sectionOf(text: string): ManualSection {
  const [, marks = '##', title = ''] = /^(#{2,3}) (.+)$/m.exec(text) ?? []
  const plain = title.replaceAll('`', '')
  return { id: idOf(plain), title: plain, level: marks.length, html: html(text.replace(/^#{2,3} .+$/m, '')) }
}

/** A code is its own. */
const idOf = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')

const marked = new Marked({
  gfm: true,
  renderer: {
    link({ href, tokens }) {
      const to = href.replace(/^([\w-]+)\.md/, '/about/manual/$1')
      return `<a href="${to}">${this.parser.parseInline(tokens)}</a>`
    },
    // Wider than a phone: it is scrolled by itself, with the keyboard too.
    code: ({ text, lang }) => `<pre tabindex="0"${lang ? '' : ' class="drawing"'}><code>${escaped(text)}</code></pre>\n`,
    table(token) {
      const cell = (it: (typeof token.header)[number], tag: string) => `<${tag}>${this.parser.parseInline(it.tokens)}</${tag}>`
      const head = token.header.some((it) => it.text !== '')
        ? `<thead><tr>${token.header.map((it) => cell(it, 'th')).join('')}</tr></thead>`
        : ''
      const rows = token.rows.map((row) => `<tr>${row.map((it) => cell(it, 'td')).join('')}</tr>`)
      return `<div class="scroll" tabindex="0"><table class="plain-table">${head}<tbody>${rows.join('')}</tbody></table></div>\n`
    },
  },
})

const html = (text: string) => marked.parse(text, { async: false }).trim()
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
