// A state by colour, shape and word: none of them alone.
import type { ComponentChildren } from 'preact'

export type Tone = 'ok' | 'attention' | 'problem' | 'info' | 'off'

const SHAPES: Record<Tone, string> = {
  ok: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z',
  attention: 'M8 1.5L15 14H1z',
  problem: 'M2.5 2.5h11v11h-11z',
  info: 'M8 1l7 7-7 7-7-7z',
  off: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 2.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
}

export function Shape({ tone }: { readonly tone: Tone }) {
  return (
    <svg class={`shape ${tone}`} viewBox="0 0 16 16" aria-hidden="true">
      <path fill-rule="evenodd" d={SHAPES[tone]} />
    </svg>
  )
}

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <Shape tone={tone} />
      {children}
    </span>
  )
}
