// A sentence of the box in the language of this browser, what to do, and beneath it its own words: those of libraries and far ends are nobody's to translate.
import { Original, OriginalText } from './original.tsx'
import { saidWords } from './said-text.ts'

interface Props {
  readonly text: string
  readonly code?: string | undefined
  readonly remedy?: string | undefined
  /** It is over: what went wrong before. */
  readonly isPast?: boolean
}

export function Said({ isPast = false, ...said }: Props) {
  const { text, remedy, original } = saidWords(said)
  return (
    <div class="said">
      <p class={isPast ? 'quiet' : 'error'}>
        {text} {said.code !== undefined && <code>{said.code}</code>}
      </p>
      {remedy !== undefined && !isPast && <p class="remedy">{remedy}</p>}
      <Original text={original} />
    </div>
  )
}

/** Beside a badge or in a line: the sentence, and its own words after it. */
export function SaidLine({ text: said, code }: { readonly text: string; readonly code?: string | undefined }) {
  const { text, original } = saidWords({ text: said, code })
  return (
    <>
      {text} {original !== undefined && <OriginalText text={original} />}
    </>
  )
}
