// One level of the tree: fetched when it is opened, its values again every few seconds while it is.
import { useEffect, useState } from 'preact/hooks'
import type { BrowseEntry } from '../../../core/source.ts'
import { rows } from '../../api/client.ts'
import { isAbort } from '../../api/errors.ts'
import { Badge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { QualityBadge } from '../../parts/value.tsx'
import { t } from '../../words/index.ts'
import type { Picking } from './picking.ts'
import { keyOf } from './picking.ts'

const LIMIT = 2_000
const AGAIN_MS = 3_000

interface Props {
  readonly picking: Picking
  /** Absent: the root. */
  readonly node?: string
}

export function Level({ picking, node }: Props) {
  const { entries, error, isWhole, again } = useLevel(picking, node)
  if (error !== undefined && entries === undefined) return <ErrorView error={error} retry={again} />
  if (entries === undefined) return <Waiting text={picking.isLive ? t('loading') : t('browser.listening')} />
  if (entries.length === 0) return <p class="quiet">{t(isWhole ? 'browser.empty' : 'loading')}</p>
  return (
    <>
      <ul class="tree">
        {entries.map((it) => (
          <Entry key={keyOf(it)} it={it} picking={picking} />
        ))}
      </ul>
      {entries.length >= LIMIT && <p class="quiet">{t('browser.more', { n: LIMIT })}</p>}
    </>
  )
}

function useLevel({ source, isLive }: Picking, node: string | undefined) {
  const [state, set] = useState<{ entries?: readonly BrowseEntry[]; error?: unknown; isWhole: boolean }>({ isWhole: false })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    let timer = 0
    const look = async (isFirst: boolean): Promise<void> => {
      const found: BrowseEntry[] = []
      try {
        for await (const it of rows(
          'sources browse',
          { name: source, limit: LIMIT, ...(node !== undefined && { node }) },
          stop.signal,
        )) {
          found.push(it)
          if (isFirst && found.length % 100 === 0) set({ entries: [...found], isWhole: false })
        }
        set({ entries: found, isWhole: true })
      } catch (error) {
        if (isAbort(error) || stop.signal.aborted) return
        set((it) => ({ ...it, error }))
      }
      const isWorthIt = isLive && found.some((it) => it.value !== null)
      if (isWorthIt && !stop.signal.aborted) timer = window.setTimeout(() => void look(false), AGAIN_MS)
    }
    void look(true)
    return () => {
      stop.abort()
      window.clearTimeout(timer)
    }
  }, [source, node, isLive, turn])
  return { ...state, again: () => setTurn((it) => it + 1) }
}

/** A folder that opens, something that can be picked, or both. */
export function Entry({ it, picking, isFound = false }: { it: BrowseEntry; picking: Picking; isFound?: boolean }) {
  const [isOpen, setOpen] = useState(false)
  const path = isFound ? (it.path ?? []).join(' / ') : ''
  return (
    <li>
      <div class="entry">
        {it.isFolder && !isFound ? (
          <button
            type="button"
            class="plain icon-only"
            aria-expanded={isOpen}
            aria-label={it.name}
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name={isOpen ? 'down' : 'right'} />
          </button>
        ) : (
          <span class="no-fold" />
        )}
        <Name it={it} picking={picking} path={path} isOpen={isOpen} onOpen={() => setOpen(!isOpen)} />
        <Value it={it} />
      </div>
      {isOpen && <Level picking={picking} node={it.node} />}
    </li>
  )
}

interface NameProps {
  readonly it: BrowseEntry
  readonly picking: Picking
  readonly path: string
  readonly isOpen: boolean
  readonly onOpen: () => void
}

function Name({ it, picking, path, onOpen }: NameProps) {
  const text = (
    <span class="entry-name">
      {path !== '' && <span class="quiet">{path} / </span>}
      {it.name}
      {it.description !== undefined && <span class="quiet hint"> {it.description}</span>}
    </span>
  )
  if (it.line === undefined)
    return it.isFolder ? (
      <button type="button" class="entry-open" tabIndex={-1} onClick={onOpen}>
        {text}
      </button>
    ) : (
      text
    )
  if (picking.isKnown(it))
    return (
      <span class="check">
        <Badge tone="ok">{t('browser.known')}</Badge>
        {text}
      </span>
    )
  return (
    <label class="check">
      <input type="checkbox" checked={picking.isPicked(it)} onChange={() => picking.toggle(it)} />
      {text}
    </label>
  )
}

function Value({ it }: { readonly it: BrowseEntry }) {
  if (it.value === null) return null
  return (
    <span class="entry-value">
      <span class="figure">{it.value.text}</span>
      {it.unit !== undefined && <span class="unit">&nbsp;{it.unit}</span>}
      {it.value.quality !== 'good' && (
        <>
          {' '}
          <QualityBadge quality={it.value.quality} />
        </>
      )}
      <span class="quiet type">{it.value.type}</span>
    </span>
  )
}
