// Builds the page: src/page → build/page, which the panel serves. vitest has a file of its own.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'
import { defineConfig } from 'vite'
import { licencePages } from './vite.licences.ts'
import { manualPages } from './vite.manual.ts'

const FIRST_VIEW_BYTES_MAX = 60_000
const FIRST =
  /\/src\/(page\/(parts|state|api|format|shell|user-menu|app|pages\.ts|words\/index)|core\/)|\/node_modules\/(preact|@preact)/

interface Part {
  readonly fileName: string
  readonly name?: string | undefined
  readonly isEntry?: boolean
  readonly imports?: readonly string[]
  readonly code?: string
  readonly source?: string | Uint8Array
}

/** What a browser fetches before a view stands: index.html, the styles, the scripts, and what they import at once. */
function bytesOf(view: string, parts: readonly Part[]): number {
  const known = new Map(parts.map((it) => [it.fileName, it]))
  const needed = new Set<Part>()
  const need = (it: Part | undefined): void => {
    if (it === undefined || needed.has(it)) return
    needed.add(it)
    for (const name of it.imports ?? []) need(known.get(name))
  }
  // German has the longer words.
  const isFirst = (it: Part) => it.isEntry || /\.(html|css)$/.test(it.fileName) || it.name === view || it.name === 'de'
  for (const it of parts.filter(isFirst)) need(it)
  return [...needed].reduce((sum, it) => sum + gzipSync(it.code ?? it.source ?? '').length, 0)
}

function firstViewSize(): Plugin {
  return {
    name: 'first-view-size',
    apply: 'build',
    writeBundle(_, bundle) {
      for (const view of ['overview', 'entrance']) {
        const bytes = bytesOf(view, Object.values(bundle))
        const text = `first view, ${view}: ${(bytes / 1000).toFixed(1)} kB gzip`
        if (bytes > FIRST_VIEW_BYTES_MAX) this.error(`${text}: more than ${FIRST_VIEW_BYTES_MAX / 1000} kB`)
        console.log(text)
      }
    },
  }
}

export default defineConfig({
  root: join(import.meta.dirname, 'src/page'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, 'build/page'),
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // No inline script and no data: address, for the panel's CSP is default-src 'self'.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What every view needs comes as one file: a browser opens six connections, and each small file more waits for one of them.
        codeSplitting: { groups: [{ name: 'first', test: FIRST }] },
      },
    },
  },
  plugins: [
    manualPages(join(import.meta.dirname, 'rootfs/usr/share/doc/holdfast/manual')),
    licencePages(join(import.meta.dirname, 'package-lock.json')),
    firstViewSize(),
  ],
})
