// JSON: an object a row, with the names of QueryRow, times in microseconds. Exact, with `kind` saying what a value is:
//
//   long    a number while it is safe, beyond that a string · double  NaN, Infinity and -Infinity are strings · bytes  base64
import type { Format } from './format.ts'
import { textFormat } from './format.ts'

export const ndjson: Format = textFormat(() => ({ head: '', row: (row) => `${text(row)}\n`, foot: () => '' }))

/** One array, whatever its length, that is never in memory as a whole. */
export const json: Format = textFormat(() => ({
  head: '[',
  row: (row, index) => `${index === 0 ? '\n' : ',\n'}${text(row)}`,
  foot: (rows) => (rows === 0 ? ']\n' : '\n]\n'),
}))

/** They may stand in JSON, but some readers end a line there. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g

/** JSON.stringify knows neither int64 nor -0, and takes longer. */
function text(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return numberText(value)
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`
    case 'object':
      return value === null ? 'null' : objectText(value)
    case 'string':
      return JSON.stringify(value).replace(LINE_ENDS, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`)
    default:
      return JSON.stringify(value)
  }
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0.0' : String(value)
}

function objectText(value: object): string {
  if (value instanceof Uint8Array) {
    return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`
  }
  let members = ''
  for (const [key, it] of Object.entries(value)) {
    if (it !== undefined) members += `${members === '' ? '' : ','}"${key}":${text(it)}`
  }
  return `{${members}}`
}
