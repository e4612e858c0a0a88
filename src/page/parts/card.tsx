import type { ComponentChildren } from 'preact'

interface Props {
  readonly title?: ComponentChildren
  /** Buttons at the right of the title. */
  readonly actions?: ComponentChildren
  readonly class?: string
  readonly children: ComponentChildren
}

export function Card({ title, actions, class: more = '', children }: Props) {
  return (
    <section class={`card ${more}`}>
      {(title !== undefined || actions !== undefined) && (
        <header class="card-head">
          {title !== undefined && <h2>{title}</h2>}
          {actions !== undefined && <div class="actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  )
}

/** The head of a page: its name, what it is about, and what can be done. */
export function PageHead({ title, text, children }: { title: string; text?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1>{title}</h1>
        {text !== undefined && <p class="quiet">{text}</p>}
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </header>
  )
}
