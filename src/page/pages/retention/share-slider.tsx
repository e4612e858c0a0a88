// A handle on a line of time: dragged, or moved from stop to stop with the keyboard.
import { useRef } from 'preact/hooks'
import { duration } from '../../format/time.ts'
import { msOf, nearestStop, nextStop, shareOf } from './ladder.ts'

interface Props {
  readonly label: string
  readonly ms: number
  readonly spanMs: number
  readonly onMove: (ms: number) => void
  readonly disabled?: boolean
}

export function ShareSlider({ label, ms, spanMs, onMove, disabled = false }: Props) {
  const handle = useRef<HTMLButtonElement>(null)
  const drag = (event: PointerEvent) => {
    if (!handle.current?.hasPointerCapture(event.pointerId)) return
    const line = (handle.current.parentElement as HTMLElement).getBoundingClientRect()
    const stop = nearestStop(msOf((event.clientX - line.left) / line.width, spanMs))
    if (stop !== ms) onMove(stop)
  }
  const press = (event: KeyboardEvent) => {
    const to = {
      ArrowRight: nextStop(ms, 1),
      ArrowUp: nextStop(ms, 1),
      ArrowLeft: nextStop(ms, -1),
      ArrowDown: nextStop(ms, -1),
      Home: 0,
      End: spanMs,
    }[event.key]
    if (to === undefined || disabled) return
    event.preventDefault()
    onMove(to)
  }
  return (
    <button
      ref={handle}
      type="button"
      class="handle"
      role="slider"
      disabled={disabled}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(spanMs, ms)}
      aria-valuenow={ms}
      aria-valuetext={duration(ms / 1000)}
      style={{ left: `${shareOf(ms, spanMs) * 100}%` }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={press}
    />
  )
}
