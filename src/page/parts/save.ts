/** Hands something to the browser as a file. */
export function save(name: string, content: string | readonly Uint8Array[], type: string): void {
  const blob = new Blob(typeof content === 'string' ? [content] : ([...content] as BlobPart[]), { type })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
