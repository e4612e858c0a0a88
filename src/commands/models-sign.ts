import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { ownSigningKey } from '../airgap/keys.ts'
import { writeWhole } from '../airgap/whole.ts'
import { MODEL_BYTES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import { seal } from '../models/container.ts'
import type { ModelManifest } from '../models/model.ts'
import { modelManifest, ONNX_PART } from '../models/model.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { document, lines } from './text.ts'

export const modelsSign: Command = {
  name: 'models sign',
  role: 'local',
  summary: 'makes the file of a model: an ONNX model, what it takes and gives, and a signature',
  arguments: ['ONNX'],
  options: {
    manifest: { value: 'FILE', summary: 'YAML: name, version, input, outputs' },
    key: { value: 'FILE', summary: 'signs; made with a new key where it is missing' },
    to: { value: 'FILE', summary: 'NAME.model where it is missing' },
  },
  async run(context) {
    const onnx = readOr(context.args[0] as string)
    const manifest = manifestOf(needed(context, 'manifest'))
    const key = ownSigningKey(needed(context, 'key'))
    const bytes = seal({ kind: 'model', ...manifest }, [{ name: ONNX_PART, bytes: onnx }], key)
    if (bytes.length > MODEL_BYTES_MAX)
      throw new BadInput([
        { where: 'ONNX', text: `the file has ${formatBytes(bytes.length)}, at most ${formatBytes(MODEL_BYTES_MAX)}` },
      ])
    const { to } = context.options
    const file = typeof to === 'string' ? to : `${manifest.name}.model`
    writeWhole(file, bytes)
    if (context.json) await document(context, { file, bytes: bytes.length, key: key.public })
    else
      await lines(context.out, [
        `${file}: ${formatBytes(bytes.length)}`,
        'For the settings of boxes that run it, under models.keys:',
        key.public,
      ])
    return DONE
  },
}

function needed({ options }: CommandContext, name: string): string {
  const value = options[name]
  if (typeof value === 'string') return value
  throw new BadInput([{ where: `--${name}`, text: 'is needed' }])
}

function readOr(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new BadInput([{ where: file, text: `cannot be read: ${(error as NodeJS.ErrnoException).code}` }])
  }
}

function manifestOf(file: string): ModelManifest {
  let value: unknown
  try {
    value = parse(Buffer.from(readOr(file)).toString('utf8'))
  } catch (error) {
    throw new BadInput([{ where: file, text: (error as Error).message }])
  }
  const found = modelManifest.safeParse(value)
  if (found.success) return found.data
  throw new BadInput([{ where: file, text: z.prettifyError(found.error) }])
}
