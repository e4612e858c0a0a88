// The document looks and speaks as this browser remembers.
import { effect } from '@preact/signals'
import { language, theme } from './preferences.ts'

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value
  })
  effect(() => {
    document.documentElement.lang = language.value
  })
}
