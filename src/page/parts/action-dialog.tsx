// A dialog that does something: what went wrong stands in it, and nothing that was typed is lost.
import type { ComponentChildren } from 'preact'
import { t } from '../words/index.ts'
import { useAttempt } from './attempt.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { ErrorView } from './states.tsx'

interface Action {
  readonly text: string
  readonly kind?: 'main' | 'plain' | 'danger'
  readonly disabled?: boolean
  /** Closes the dialog itself, once it is done. */
  readonly work: () => unknown
}

interface Props {
  readonly title: string
  readonly onClose: () => void
  readonly action: Action
  /** Stands apart from the first, before "Cancel". */
  readonly other?: Action | undefined
  readonly isWide?: boolean
  readonly children: ComponentChildren
}

export function ActionDialog({ title, onClose, action, other, isWide = false, children }: Props) {
  const { error, attempt } = useAttempt()
  const button = ({ text, kind = 'main', disabled = false, work }: Action) => (
    <Button kind={kind} onPress={() => attempt(work)} disabled={disabled}>
      {text}
    </Button>
  )
  return (
    <Dialog
      title={title}
      onClose={onClose}
      isWide={isWide}
      actions={
        <>
          {other && button(other)}
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
          {button(action)}
        </>
      }
    >
      {error !== undefined && <ErrorView error={error} />}
      {children}
    </Dialog>
  )
}
