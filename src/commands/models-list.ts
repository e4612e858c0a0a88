import type { ModelFile, ModelsView } from '../core/model.ts'
import { formatBytes } from '../core/units.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { modelsView } from './shapes/models.ts'
import { document, lines, table } from './text.ts'

const list = operation({
  name: 'models list',
  access: 'viewer',
  summary: 'models that rules can name, and what runs them; of each whether it would run',
  input: nothing,
  output: modelsView,
  run: (_, { agent }) => agent.models(),
})

export const modelsList: Command = {
  name: 'models list',
  role: 'view',
  summary: list.summary,
  arguments: [],
  options: {},
  operation: list,
  async run(context) {
    const seen = await context.agent.models()
    if (context.json) await document(context, seen)
    else await lines(context.out, pageOf(seen))
    return DONE
  },
}

function pageOf({ addon, models }: ModelsView): string[] {
  const first =
    addon.version === undefined ? `no add-on runs models: ${addon.text} (${addon.code})` : `add-on onnx ${addon.version}`
  if (models.length === 0) return [first, 'there is no model']
  const columns = [
    { title: 'MODEL', widthMax: 32 },
    { title: 'VERSION', widthMax: 16 },
    { title: 'SIZE' },
    { title: 'TAKES', widthMax: 40 },
    { title: 'GIVES' },
  ]
  return [first, ...table(columns, models.map(rowOf))]
}

const rowOf = ({ name, version, bytes, inputs, outputs, code, text }: ModelFile) =>
  code === undefined
    ? [name, version ?? '', formatBytes(bytes), inputs?.join(', ') ?? '', outputs?.join(', ') ?? '']
    : [name, code, '', text ?? '', '']
