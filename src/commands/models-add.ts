// A model, or the add-on that runs them, from a file: on this machine, on a stick that is mounted, or by --box.
import { open } from 'node:fs/promises'
import { BadInput } from '../core/errors.ts'
import type { ModelTaken } from '../core/model.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { modelPiece, modelTaken } from './shapes/models.ts'
import { document, lines } from './text.ts'

const PIECE_BYTES = 3_000_000

const add = operation({
  name: 'models add',
  access: 'admin',
  summary: 'takes one piece of a signed model, or of the add-on that runs models; the last one puts it in its place',
  input: modelPiece,
  output: modelTaken,
  audited: ['offset'],
  auditedAnswer: ['name', 'version'],
  run: (piece, { agent }) => agent.addModel(piece),
})

export const modelsAdd: Command = {
  name: 'models add',
  role: 'operate',
  summary: 'a signed model, or the add-on that runs models, from a file',
  arguments: ['FILE'],
  options: {},
  operation: add,
  async run(context) {
    const taken = await handOver(context, context.args[0] as string)
    if (context.json) await document(context, taken)
    else await lines(context.out, [`${taken.name} ${taken.version} is there`])
    return DONE
  },
}

async function handOver({ agent }: CommandContext, file: string): Promise<ModelTaken> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code}` }])
  })
  try {
    const { size } = await handle.stat()
    const piece = Buffer.alloc(PIECE_BYTES)
    for (let offset = 0; ; ) {
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, offset)
      const isLast = bytesRead === 0 || offset + bytesRead >= size
      const taken = await agent.addModel({ offset, base64: piece.subarray(0, bytesRead).toString('base64'), isLast })
      if (isLast) return taken
      offset += bytesRead
    }
  } finally {
    await handle.close()
  }
}
