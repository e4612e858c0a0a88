import { readFile, stat } from 'node:fs/promises'
import { BadInput } from '../core/errors.ts'
import { certificateLines } from './certificate-show.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { certificateView, ownersPair, PEM_CHARS_MAX } from './shapes/certificates.ts'
import { document, lines } from './text.ts'

const replace = operation({
  name: 'certificate replace',
  access: 'technician',
  summary: 'serve the page with a certificate of the owner’s authority; without a key: for the key of the request',
  input: ownersPair,
  output: certificateView,
  audited: [],
  auditedAnswer: ['fingerprint'],
  run: (pair, { certificates }) => certificates.replace(pair),
})

export const certificateReplace: Command = {
  name: 'certificate replace',
  role: 'local',
  summary: "serve the page with an owner's certificate: PEM, with its chain",
  arguments: ['CERTIFICATE'],
  options: { key: { value: 'FILE', summary: 'its private key; without it that of the request (certificate request)' } },
  operation: replace,
  async run({ parts, dir, json, out, args, options }) {
    const cert = await pemIn(args[0] as string)
    const key = typeof options['key'] === 'string' ? await pemIn(options['key']) : keyIn(cert)
    const made = await (await parts.certificates(dir)).replace({ cert, ...(key !== undefined && { key }) })
    if (json) await document({ out }, made)
    else await lines(out, certificateLines(made, out.width))
    return DONE
  },
}

/** A stick may hold anything: what is too long is not read. */
export async function pemIn(file: string): Promise<string> {
  const unreadable = (error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code ?? error.message}` }])
  }
  const { size } = await stat(file).catch(unreadable)
  const text = size <= PEM_CHARS_MAX ? await readFile(file, 'utf8').catch(unreadable) : undefined
  if (text !== undefined && text.length <= PEM_CHARS_MAX) return text
  throw new BadInput([
    { where: file, text: `is longer than ${PEM_CHARS_MAX} characters`, remedy: 'give the chain of this box alone' },
  ])
}

/** Many give both in one file. */
export function keyIn(text: string): string | undefined {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(text)?.[0]
}
