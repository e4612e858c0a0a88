// What this browser remembers: looks and language. Everything else lives on the box.
import { effect, signal } from '@preact/signals'

export const THEMES = ['system', 'light', 'dark', 'contrast'] as const
export type Theme = (typeof THEMES)[number]
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

const kept = <T extends string>(key: string, allowed: readonly T[], otherwise: T) => {
  const found = localStorage.getItem(key) as T | null
  const it = signal<T>(found !== null && allowed.includes(found) ? found : otherwise)
  effect(() => localStorage.setItem(key, it.value))
  return it
}

export const theme = kept('theme', THEMES, 'system')
export const language = kept('language', LANGUAGES, navigator.language.startsWith('de') ? 'de' : 'en')

/** For numbers and times: the browser's own region where it speaks the language. */
export function locale(): string {
  const own = navigator.languages.find((it) => it.startsWith(language.value))
  return own ?? (language.value === 'de' ? 'de-DE' : 'en-GB')
}
