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
