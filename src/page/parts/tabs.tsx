import { useLocation } from 'preact-iso'
import type { WordKey } from '../words/index.ts'
import { t } from '../words/index.ts'

interface Tab {
  readonly path: string
  readonly title: WordKey
}

/** Parts of one page, each with an address. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  const { path } = useLocation()
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((it) => (
        <a key={it.path} href={it.path} aria-current={it.path === path ? 'page' : undefined}>
          {t(it.title)}
        </a>
      ))}
    </nav>
  )
}
