// A value of the settings as a field shows it. `{ var: NAME }` (the box's own value) stands there as it stands in the file, and can be typed.
const VAR = /^\{\s*var:\s*([\w.-]+)\s*\}$/

/** What is neither (the format of a time, a list) is left to the text of the settings. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object') return String(value)
  const name = varName(value)
  return name === undefined ? '' : `{ var: ${name} }`
}

function varName(value: object): string | undefined {
  const { var: name, ...more } = value as { readonly var?: unknown }
  return typeof name === 'string' && Object.keys(more).length === 0 ? name : undefined
}

export function valueOf(text: string): string | { readonly var: string } {
  const name = VAR.exec(text.trim())?.[1]
  return name === undefined ? text : { var: name }
}

export const isVar = (text: string): boolean => typeof valueOf(text) === 'object'

/** A list in one line, a comma between. */
export const listText = (value: unknown): string => (Array.isArray(value) ? value.map(textOf).join(', ') : textOf(value))

/** Of a list in one line: what is between its commas, blanks in it as they are. */
export const itemsOf = (text: string): unknown[] =>
  text
    .split(',')
    .map((it) => it.trim())
    .filter(Boolean)
    .map(valueOf)

/** Of names, with a comma or a blank between. Values of the box stand among the others. */
export const partsOf = (text: string): unknown[] => (text.match(/\{[^}]*\}|[^\s,]+/g) ?? []).map(valueOf)

/** Of `{ secret: NAME }`; empty where it is none. */
export function secretName(value: unknown): string {
  return typeof value === 'object' && value !== null ? textOf((value as { readonly secret?: unknown }).secret) : ''
}

/** A certificate, or the name of the secret that has it. */
export const pemText = (value: unknown): string => secretName(value) || textOf(value)

export function pemValue(given: string): unknown {
  const text = given.trim()
  if (text === '') return undefined
  if (text.includes('-----BEGIN')) return `${text}\n`
  return isVar(text) ? valueOf(text) : { secret: text }
}
