// What the box, a library or a far end said in its own words, beneath or after the sentence in the language of this browser.
import { t } from '../words/index.ts'

export function Original({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : (
    <p class="quiet original" title={t('said.original')} lang="en">
      {text}
    </p>
  )
}

export function OriginalText({ text }: { readonly text: string }) {
  return (
    <span class="quiet original" title={t('said.original')}>
      (<span lang="en">{text}</span>)
    </span>
  )
}
