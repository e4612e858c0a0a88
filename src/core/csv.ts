/** The fields of one line (RFC 4180, but no field holds a line feed). Undefined: a quote is not closed, or text follows it. */
export function splitCsv(line: string, separator: string): string[] | undefined {
  if (!line.includes('"')) return line.split(separator)
  const fields: string[] = []
  for (let at = 0; at <= line.length; ) {
    if (line[at] !== '"') {
      const end = endOf(line, separator, at)
      fields.push(line.slice(at, end))
      at = end + 1
      continue
    }
    const quoted = quotedAt(line, at)
    if (!quoted || (quoted.end < line.length && line[quoted.end] !== separator)) return undefined
    fields.push(quoted.text)
    at = quoted.end + 1
  }
  return fields
}

function endOf(line: string, separator: string, from: number): number {
  const end = line.indexOf(separator, from)
  return end < 0 ? line.length : end
}

/** `end`: behind the closing quote. */
function quotedAt(line: string, start: number): { text: string; end: number } | undefined {
  let text = ''
  for (let from = start + 1; ; ) {
    const quote = line.indexOf('"', from)
    if (quote < 0) return undefined
    text += line.slice(from, quote)
    if (line[quote + 1] !== '"') return { text, end: quote + 1 }
    text += '"'
    from = quote + 2
  }
}
