// A button whose work takes a while: it says so, and cannot be pressed twice.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

interface Props {
  /** Its own errors are its caller's to show. */
  readonly onPress: () => unknown
  readonly kind?: 'main' | 'plain' | 'danger'
  /** Of a form: Enter presses it too. */
  readonly type?: 'button' | 'submit'
  readonly disabled?: boolean
  readonly label?: string
  readonly children: ComponentChildren
}

export function Button({ onPress, kind, type = 'button', disabled = false, label, children }: Props) {
  const [isBusy, setBusy] = useState(false)
  const press = async () => {
    setBusy(true)
    try {
      await onPress()
    } finally {
      setBusy(false)
    }
  }
  return (
    <button type={type} class={kind ?? ''} disabled={disabled || isBusy} aria-busy={isBusy} aria-label={label} onClick={press}>
      {children}
    </button>
  )
}
