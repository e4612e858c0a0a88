// The document follows the choices of its reader.
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
