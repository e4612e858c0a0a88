import { useState } from 'preact/hooks'
import { t } from '../words/index.ts'
import { Icon } from './icon.tsx'

const SAID_MS = 2_000

export function CopyButton({ text, label }: { readonly text: string; readonly label?: string }) {
  const [isDone, setDone] = useState(false)
  const copy = async () => {
    await copyText(text)
    setDone(true)
    setTimeout(() => setDone(false), SAID_MS)
  }
  return (
    <button type="button" class="plain" onClick={copy} aria-live="polite">
      <Icon name={isDone ? 'check' : 'copy'} />
      {isDone ? t('copied') : (label ?? t('copy'))}
    </button>
  )
}

/** Without the clipboard's interface where the browser withholds it (a page whose certificate it does not know). */
async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
  }
}
