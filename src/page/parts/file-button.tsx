import { Icon } from './icon.tsx'

interface Props {
  readonly text: string
  /** Endings and kinds, as the browser takes them. */
  readonly accept: string
  readonly onChoose: (file: File | undefined) => unknown
}

/** A file of whoever sits at this browser. */
export function FileButton({ text, accept, onChoose }: Props) {
  return (
    <label class="button file-button">
      <Icon name="upload" />
      {text}
      <input
        class="unseen"
        type="file"
        accept={accept}
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? []
          // The same file may be chosen again.
          event.currentTarget.value = ''
          void onChoose(file)
        }}
      />
    </label>
  )
}
