import { z } from 'zod'
import type { ModelPiece, ModelsView, ModelTaken } from '../../core/model.ts'
import { count, maybe, shapeOf } from './shape.ts'

const text = z.string()
const PIECE_CHARS_MAX = 4_500_000

export const modelsView = shapeOf<ModelsView>()(
  z.object({
    addon: z.object({ version: maybe(text), code: maybe(text), text: maybe(text) }),
    models: z.array(
      z.object({
        name: text,
        bytes: count,
        version: maybe(text),
        sha256: maybe(text),
        inputs: maybe(z.array(text)),
        outputs: maybe(z.array(text)),
        signedBy: maybe(text),
        code: maybe(text),
        text: maybe(text),
      }),
    ),
  }),
)

export const modelPiece = shapeOf<ModelPiece>()(
  z.strictObject({ offset: z.int().min(0), base64: z.string().max(PIECE_CHARS_MAX), isLast: z.boolean() }),
)
export const modelTaken = shapeOf<ModelTaken>()(z.object({ bytes: count, name: maybe(text), version: maybe(text) }))
