// A text with numbers beside its lines; lines with a problem are marked.
import { useEffect, useRef } from 'preact/hooks'
import type { SettingsCheck } from '../../../core/operator.ts'
import { t } from '../../words/index.ts'

interface Props {
  readonly text: string
  readonly onInput: (text: string) => void
  readonly isFixed: boolean
  readonly problems: SettingsCheck['problems']
  /** Set to what moves the cursor to a line. */
  readonly jump: { current: ((line: number) => void) | null | undefined }
}

const ROWS_MAX = 32

export function Editor({ text, onInput, isFixed, problems, jump }: Props) {
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLOListElement>(null)
  const lines = text.split('\n')
  const wrong = new Set(problems.map((it) => it.line))
  const follow = () => {
    if (gutter.current && area.current) gutter.current.scrollTop = area.current.scrollTop
  }
  useEffect(follow)
  jump.current = (line) => {
    const it = area.current
    if (!it) return
    const start = lines.slice(0, line - 1).reduce((sum, own) => sum + own.length + 1, 0)
    it.focus()
    it.setSelectionRange(start, start + (lines[line - 1] ?? '').length)
    it.scrollTop = (it.scrollHeight / lines.length) * Math.max(0, line - 5)
  }
  return (
    <div class="editor">
      <ol ref={gutter} class="gutter" aria-hidden="true">
        {lines.map((_, at) => (
          <li key={at} class={wrong.has(at + 1) ? 'wrong' : ''}>
            {at + 1}
          </li>
        ))}
      </ol>
      <textarea
        ref={area}
        aria-label={t('settings.file')}
        aria-invalid={problems.length > 0}
        wrap="off"
        spellcheck={false}
        autocapitalize="none"
        readOnly={isFixed}
        rows={Math.min(ROWS_MAX, lines.length + 1)}
        value={text}
        onInput={(event) => onInput(event.currentTarget.value)}
        onScroll={follow}
      />
    </div>
  )
}
