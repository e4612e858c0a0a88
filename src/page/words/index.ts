// Words by key, in the language of this browser. Parameters stand in braces: {name}; {n|value|values} chooses by number.
import { effect, signal } from '@preact/signals'
import { language, locale } from '../state/preferences.ts'
import { number } from '../format/number.ts'
import type { en } from './en.ts'

export type WordKey = keyof typeof en
export type Words = Readonly<Record<WordKey, string>>
type Parameters = Readonly<Record<string, string | number>>

const words = signal<Words>({} as Words)

/** The words of the language, and again whenever it changes. */
export async function loadWords(): Promise<void> {
  const load = async () => {
    words.value = language.value === 'de' ? (await import('./de.ts')).de : (await import('./en.ts')).en
  }
  let isFirst = true
  await load()
  effect(() => {
    void language.value
    if (!isFirst) void load()
    isFirst = false
  })
}

export function t(key: WordKey, parameters: Parameters = {}): string {
  const text = words.value[key] ?? key
  return text.replaceAll(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name: string, one?: string, other?: string) => {
    const it = parameters[name] ?? ''
    if (one !== undefined) return (new Intl.PluralRules(locale()).select(Number(it)) === 'one' ? one : other) ?? ''
    return typeof it === 'number' ? number(it) : it
  })
}

/** A key that is put together; undefined where there is no such word. */
export function tOf(key: string): string | undefined {
  return words.value[key as WordKey]
}
