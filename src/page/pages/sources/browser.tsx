// The tag browser: what stands at the far end of a source, level by level or found by its words; many are picked and added at once.
import { useLocation } from 'preact-iso'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { BrowseEntry } from '../../../core/source.ts'
import { Card, PageHead } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { tagLines } from '../../settings-text/tags.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { AddTags } from './add-tags.tsx'
import { Level } from './level.tsx'
import { pathOf } from './paths.ts'
import type { Picking } from './picking.ts'
import { keyOf } from './picking.ts'
import { SearchTags } from './search-tags.tsx'

export function Browser() {
  const { path, route } = useLocation()
  const name = decodeURIComponent(path.split('/')[2] ?? '')
  return (
    <>
      <p class="crumb">
        <a href={pathOf(name)}>
          <Icon name="left" /> {name}
        </a>
      </p>
      <PageHead title={t('browser.title', { name })} text={t('browser.text')} />
      <BrowseSource name={name} onAdded={() => route(`/tags?source=${encodeURIComponent(name)}`)} />
    </>
  )
}

interface Props {
  readonly name: string
  readonly onAdded: () => void
}

/** Also a step of the first run. */
export function BrowseSource({ name, onAdded }: Props) {
  const settings = useCall('settings show', {})
  const [picked, setPicked] = useState<ReadonlyMap<string, BrowseEntry>>(new Map())
  const [isAdding, setAdding] = useState(false)
  const protocol = status.value?.sources.find((it) => it.name === name)?.protocol
  const known = useMemo(
    () => new Set(tagLines(settings.data?.text ?? '').flatMap((it) => (it.source === name ? keysOf(it.line) : []))),
    [settings.data, name],
  )
  useEffect(() => setPicked(new Map()), [name])
  const picking: Picking = {
    source: name,
    // A look round at a broker listens for seconds, on a connection of its own.
    isLive: protocol === 'opcua' || protocol?.startsWith('modbus') === true,
    isKnown: (it) => it.line !== undefined && keysOf(it.line).some((key) => known.has(key)),
    isPicked: (it) => picked.has(keyOf(it)),
    toggle: (it) => {
      const next = new Map(picked)
      if (!next.delete(keyOf(it))) next.set(keyOf(it), it)
      setPicked(next)
    },
    pick: (all) => setPicked(new Map([...picked, ...all.map((it) => [keyOf(it), it] as const)])),
  }
  return (
    <>
      <SearchTags picking={picking} />
      <Card title={t('browser.tree')}>
        <Level picking={picking} />
      </Card>
      <PickedBar count={picked.size} onAdd={() => setAdding(true)} onClear={() => setPicked(new Map())} />
      {isAdding && settings.data && (
        <AddTags
          source={name}
          protocol={protocol ?? ''}
          settings={settings.data.text}
          entries={[...picked.values()]}
          onClose={() => setAdding(false)}
          onAdded={() => {
            setPicked(new Map())
            settings.again()
            onAdded()
          }}
        />
      )}
    </>
  )
}

/** What a line reads, whatever it is called. */
function keysOf(line: Readonly<Record<string, unknown>>): string[] {
  const { node, count } = line
  if (typeof node === 'string' && typeof count === 'number')
    return Array.from({ length: count }, (_, n) => node.replaceAll('{n}', String(n)))
  if (typeof node === 'string') return [node]
  if (typeof line['register'] === 'string') return [`${line['register']} ${String(line['type'] ?? 'bool')}`]
  return typeof line['topic'] === 'string' ? [line['topic']] : []
}

interface BarProps {
  readonly count: number
  readonly onAdd: () => void
  readonly onClear: () => void
}

function PickedBar({ count, onAdd, onClear }: BarProps) {
  if (count === 0) return null
  return (
    <div class="picked" role="status">
      <strong>{t('browser.picked', { n: count })}</strong>
      <button type="button" class="plain" onClick={onClear}>
        {t('browser.clear')}
      </button>
      <button type="button" class="main" onClick={onAdd}>
        {t('browser.add')}
      </button>
    </div>
  )
}
