// The browser's own dialog: it keeps the keyboard inside, closes on Escape, and gives the focus back.
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../words/index.ts'
import { Icon } from './icon.tsx'

interface Props {
  readonly title: string
  readonly onClose: () => void
  /** Buttons at its foot. */
  readonly actions?: ComponentChildren
  readonly isWide?: boolean
  readonly children: ComponentChildren
}

export function Dialog({ title, onClose, actions, isWide, children }: Props) {
  const it = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = it.current
    if (dialog && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={it}
      class={isWide ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain icon-only" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="dialog-body">{children}</div>
      {actions !== undefined && <footer class="actions">{actions}</footer>}
    </dialog>
  )
}
