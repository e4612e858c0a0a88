import { writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { certificateRequest } from './shapes/certificates.ts'
import { document, lines } from './text.ts'

const request = operation({
  name: 'certificate request',
  access: 'technician',
  summary: 'a request that an authority of the owner makes a certificate of; its key never leaves the box',
  input: z.strictObject({}),
  output: certificateRequest,
  audited: [],
  run: (_, { certificates }) => certificates.request(),
})

export const certificateRequestCommand: Command = {
  name: 'certificate request',
  role: 'local',
  summary: request.summary,
  arguments: ['[FILE]'],
  options: {},
  operation: request,
  async run({ parts, dir, json, out, args: [file] }) {
    const made = await (await parts.certificates(dir)).request()
    if (file !== undefined) await written(file, made.request)
    if (json) await document({ out }, made)
    else if (file === undefined) await out.write(made.request)
    else await lines(out, [`written: ${file}`, 'What the authority makes of it: holdfast certificate replace CERTIFICATE'])
    return DONE
  },
}

async function written(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flush: true }).catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be written: ${error.code ?? error.message}` }])
  })
}
