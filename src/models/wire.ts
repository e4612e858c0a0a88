// What goes over the scorer's socket: lines of JSON, each way. Who connects says first which models it wants and whose; a model's process is that
// connection's alone and ends with it.
//
//   {"keys", "models", "memoryBytesMax"}                     →  {"ready": [{"name", "version", "sha256"} or {"name", "code", "text"}]}
//   {"id", "model", "timeoutMs", "inputs": {"mean": 1.5}}    →  {"id", "of", "outputs"}  or  {"id", "code", "text"}
//
// JSON has no number that is none: null.
import { z } from 'zod'
import { MODEL_FIGURES_MAX, MODEL_MS_MAX, MODELS_MAX } from '../core/bounds.ts'
import type { Scored } from '../core/model.ts'

const LINE_CHARS_MAX = 65_536

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/)
const figures = z.record(z.string().max(64), z.number().nullable())

export const hello = z.strictObject({
  keys: z.array(z.string().max(64)).max(20),
  models: z.array(name).max(MODELS_MAX),
  memoryBytesMax: z.int().positive(),
})
export type Hello = z.output<typeof hello>

export const ask = z.strictObject({
  id: z.int(),
  model: name,
  timeoutMs: z.int().min(1).max(MODEL_MS_MAX),
  inputs: figures.refine((it) => Object.keys(it).length <= MODEL_FIGURES_MAX),
})
export type Ask = z.output<typeof ask>

export type Answer = { readonly id: number } & Scored

/** Gives whole lines of what comes in pieces. False: one is too long. */
export function lines(take: (line: string) => void): (piece: string) => boolean {
  let text = ''
  return (piece) => {
    text += piece
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      take(line)
    }
    return text.length <= LINE_CHARS_MAX
  }
}
