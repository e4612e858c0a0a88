/** Whether a tag fits a pattern: in it each `*` stands for any characters, `/` too. No pattern costs more than the product of the lengths. */
export function tagMatcher(pattern: string): (tag: string) => boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return (tag) => tag === pattern
  const [head = ''] = parts
  const tail = parts.at(-1) as string
  return (tag) => {
    if (tag.length < head.length + tail.length || !tag.startsWith(head) || !tag.endsWith(tail)) return false
    let at = head.length
    const end = tag.length - tail.length
    // By parts between the stars, each at its first place.
    for (const part of parts.slice(1, -1)) {
      const found = tag.indexOf(part, at)
      if (found < 0 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
