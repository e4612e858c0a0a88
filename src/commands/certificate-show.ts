import { z } from 'zod'
import type { AgentApi } from '../core/agent-api.ts'
import type { CertificateView } from '../core/access.ts'
import type { ProtocolCertificate } from '../core/certificates.ts'
import { Unreachable } from '../core/errors.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { allCertificates } from './shapes/certificates.ts'
import { document, lines, wrap } from './text.ts'

const show = operation({
  name: 'certificate show',
  access: 'viewer',
  summary: 'what the page is served with, and the certificates of protocols',
  input: z.strictObject({}),
  output: allCertificates,
  run: async (_, { agent, certificates }) => ({ ...(await certificates.show()), protocols: await protocolsOf(agent) }),
})

export const certificateShow: Command = {
  name: 'certificate show',
  role: 'local',
  summary: show.summary,
  arguments: [],
  options: {},
  operation: show,
  async run({ parts, dir, json, out, agent }) {
    const page = await (await parts.certificates(dir)).show()
    const protocols = await protocolsOf(agent)
    if (json) await document({ out }, { ...page, protocols })
    else await lines(out, [...certificateLines(page, out.width), ...protocolLines(protocols, out.width)])
    return DONE
  },
}

/** Null: no agent answers, and its folders are its own. */
async function protocolsOf(agent: AgentApi): Promise<readonly ProtocolCertificate[] | null> {
  try {
    return await agent.certificates()
  } catch (error) {
    if (error instanceof Unreachable) return null
    throw error
  }
}

export function certificateLines(it: CertificateView, width: number): string[] {
  return [
    `The page is served with ${it.isOwners ? "the owner's certificate" : "the box's own certificate"}:`,
    ...wrap(`SHA-256 ${it.fingerprint.slice(0, 48)} ${it.fingerprint.slice(48)}`, width, '  '),
    ...wrap(it.subject, width, '  '),
    ...wrap(`for ${it.names.join(', ')}`, width, '  '),
    ...wrap(days(it), width, '  '),
  ]
}

function protocolLines(all: readonly ProtocolCertificate[] | null, width: number): string[] {
  if (!all) return ['', 'Those of protocols: the agent does not answer.']
  return all.flatMap((it) => [
    '',
    `${it.protocol}, ${WHAT[it.state]}:`,
    ...wrap(`SHA-1 ${it.fingerprint}`, width, '  '),
    ...wrap(it.subject, width, '  '),
    ...wrap(days(it), width, '  '),
  ])
}

const WHAT = { own: 'our own', trusted: 'trusted', rejected: 'waits for approval (sources trust)' } as const

const days = ({ validFrom, validTo }: Pick<CertificateView, 'validFrom' | 'validTo'>) =>
  `valid ${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}`
