import type { Certificate } from '../core/source.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { document, lines, remedyLines, wrap } from './text.ts'
import { operation } from './operation.ts'
import { certificate, trustInput } from './shapes/common.ts'

const trust = operation({
  name: 'sources trust',
  access: 'technician',
  summary: 'certificates of far ends that wait; with a fingerprint, trust one',
  input: trustInput,
  output: certificate,
  many: true,
  audited: ['name', 'fingerprint'],
  run: (input, { agent, signal }) => agent.trustSource(input, signal),
})

/** Enough of a fingerprint to go on with. */
const SHORT_DIGITS = 8

export const sourcesTrust: Command = {
  name: 'sources trust',
  role: 'operate',
  summary: trust.summary,
  arguments: ['NAME', '[FINGERPRINT]'],
  options: {},
  operation: trust,
  async run(context) {
    const [name, fingerprint] = context.args as [string, string | undefined]
    const { width } = context.out
    const request = { name, ...(fingerprint !== undefined && { fingerprint }) }
    const certificates: Certificate[] = []
    for await (const it of context.agent.trustSource(request, context.signal)) certificates.push(it)
    if (context.json) await document(context, { name, certificates })
    else if (fingerprint === undefined) await lines(context.out, waitingPage(name, certificates, width))
    else await lines(context.out, ['trusted from now on:', ...certificates.flatMap((it) => certificateLines(it, width))])
    return DONE
  },
}

function waitingPage(name: string, certificates: readonly Certificate[], width: number): string[] {
  const [first] = certificates
  if (!first) return ['no certificate waits']
  const short = first.fingerprint.replaceAll(':', '').slice(0, SHORT_DIGITS)
  const remedy = `Compare the fingerprint with the one that the far end itself shows. If it is the same: holdfast sources trust ${name} ${short}`
  return [...certificates.flatMap((it) => certificateLines(it, width)), ...remedyLines(remedy, width, '')]
}

function certificateLines({ fingerprint, subject, validFrom, validTo }: Certificate, width: number): string[] {
  const days = `valid ${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}`
  return [...wrap(fingerprint, width), ...wrap(subject, width, '    '), ...wrap(days, width, '    ')]
}
