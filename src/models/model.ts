// What the manifest of a model says of it, and a model's file, proven.
import { z } from 'zod'
import type { ModelVersion } from '../core/model.ts'
import { MODEL_FIGURES_MAX } from '../core/bounds.ts'
import type { Container } from './container.ts'
import { open } from './container.ts'
import { Refused } from './refused.ts'

const figure = z.string().regex(/^[A-Za-z_]\w{0,63}$/, { error: 'must be a name of letters and digits' })
const tensor = z.string().min(1).max(128)

/** What whoever signs a model writes beside it. */
export const modelManifest = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'must be a name of small letters, digits and dashes' }),
  version: z.string().min(1).max(64),
  /** The tensor that takes one row of 32-bit numbers, and what stands in it, in this order. */
  input: z.strictObject({ tensor, of: z.array(figure).min(1).max(MODEL_FIGURES_MAX) }),
  /** By name: a number of a tensor. */
  outputs: z
    .record(figure, z.strictObject({ tensor, at: z.int().min(0).max(65_535).default(0) }))
    .refine((it) => Object.keys(it).length > 0 && Object.keys(it).length <= MODEL_FIGURES_MAX, { error: 'must name an output' }),
  /** How it was made, for people. */
  about: z.string().max(2_000).optional(),
})
export type ModelManifest = z.output<typeof modelManifest>

export interface Model {
  readonly of: ModelVersion
  readonly signedBy: string
  readonly manifest: ModelManifest
  readonly onnx: Uint8Array
}

/** The name of a model's one part. */
export const ONNX_PART = 'model.onnx'

/** Throws Refused unless it is this model, whole and signed by one of the keys. */
export function openModel(bytes: Uint8Array, keys: readonly string[], named?: string): Model {
  const container = open(bytes, keys)
  const { name, version, sha256, key: signedBy } = container
  if (container.kind !== 'model') throw new Refused('model-damaged', 'it is an add-on, no model')
  // Put in another one's place, it would say in the records what it is not.
  if (named !== undefined && name !== named) throw new Refused('model-foreign', `it is the model ${name}, not ${named}`)
  return { of: { name, version, sha256 }, signedBy, manifest: manifestOf(container), onnx: onnxOf(container) }
}

function manifestOf({ manifest }: Container): ModelManifest {
  const { kind: _kind, key: _key, parts: _parts, ...own } = manifest as Record<string, unknown>
  const found = modelManifest.safeParse(own)
  if (found.success) return found.data
  throw new Refused('model-damaged', `its manifest says what it must not: ${z.prettifyError(found.error)}`)
}

function onnxOf(container: Container): Uint8Array {
  for (const it of container.parts()) if (it.name === ONNX_PART) return it.bytes
  throw new Refused('model-damaged', `it has no part ${ONNX_PART}`)
}
