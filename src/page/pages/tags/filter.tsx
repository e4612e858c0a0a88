import { SelectField, TextField } from '../../parts/field.tsx'
import { t } from '../../words/index.ts'
import type { GridRow } from './grid-rows.ts'

export interface Filter {
  readonly words: string
  readonly source: string
  readonly quality: '' | 'good' | 'uncertain' | 'bad' | 'none'
}

export const NO_FILTER: Filter = { words: '', source: '', quality: '' }

export function isShown(it: GridRow, { words, source, quality }: Filter): boolean {
  if (source !== '' && it.source !== source) return false
  if (quality !== '' && (it.live?.quality ?? 'none') !== quality) return false
  const text = `${it.tag} ${it.class} ${it.unit ?? ''}`.toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

interface Props {
  readonly filter: Filter
  readonly sources: readonly string[]
  readonly onInput: (filter: Filter) => void
}

export function Filters({ filter, sources, onInput }: Props) {
  const all = { value: '', text: t('tags.all') }
  const qualities = (['good', 'uncertain', 'bad'] as const).map((it) => ({ value: it, text: t(`quality.${it}`) }))
  return (
    <div class="fields" role="search">
      <TextField label={t('tags.filter')} type="search" value={filter.words} onInput={(words) => onInput({ ...filter, words })} />
      <SelectField
        label={t('tags.source')}
        value={filter.source}
        choices={[all, ...sources.map((it) => ({ value: it, text: it }))]}
        onInput={(source) => onInput({ ...filter, source })}
      />
      <SelectField
        label={t('quality')}
        value={filter.quality}
        choices={[all, ...qualities, { value: 'none', text: t('tags.noValue') }]}
        onInput={(quality) => onInput({ ...filter, quality: quality as Filter['quality'] })}
      />
    </div>
  )
}
