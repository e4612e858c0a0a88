// What a serial line of 7 bits can show: every sign that is written has a stand-in, and nothing steers the terminal.
import { printable } from '../commands/text.ts'

const SIGNS: Readonly<Record<string, string>> = {
  '→': '>',
  '←': '<',
  '–': '-',
  '—': '-',
  '…': '~',
  '·': '.',
  '°': 'deg',
  µ: 'u',
  μ: 'u',
  '×': 'x',
  '÷': '/',
  '≤': '<=',
  '≥': '>=',
  '±': '+-',
  '„': '"',
  '“': '"',
  '”': '"',
  '‘': "'",
  '’': "'",
  ß: 'ss',
  '€': 'EUR',
  Ω: 'Ohm',
}

/** One line. */
export function ascii(text: string): string {
  const known = printable(text).replace(/[^ -~]/gu, (sign) => SIGNS[sign] ?? sign)
  return known
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^ -~]/gu, '?')
}

/** In pieces of at most `width`, cut at a blank where there is one near the end. */
export function folded(text: string, width: number): string[] {
  const pieces: string[] = []
  let rest = text.trimEnd()
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width)
    const at = blank > width / 2 ? blank : width
    pieces.push(rest.slice(0, at).trimEnd())
    rest = rest.slice(at).trimStart()
  }
  return [...pieces, rest]
}
