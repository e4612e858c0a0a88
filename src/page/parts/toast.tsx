// Said once at the head of the page, with what can be done about it (undo).
import { signal } from '@preact/signals'
import { t } from '../words/index.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'

interface Said {
  readonly text: string
  readonly action?: { readonly text: string; readonly run: () => unknown }
}

const said = signal<Said | undefined>(undefined)
const STAYS_MS = 12_000
let timer = 0

export function say(text: string, action?: Said['action']): void {
  said.value = { text, ...(action && { action }) }
  window.clearTimeout(timer)
  // What can be undone stays until it is put away.
  if (!action) timer = window.setTimeout(() => (said.value = undefined), STAYS_MS)
}

export function Toast() {
  const it = said.value
  return (
    <div class="toast-place" role="status">
      {it && (
        <div class="toast">
          <span>{it.text}</span>
          {it.action && <Button onPress={it.action.run}>{it.action.text}</Button>}
          <button type="button" class="plain icon-only" aria-label={t('close')} onClick={() => (said.value = undefined)}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  )
}
