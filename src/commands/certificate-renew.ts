import { z } from 'zod'
import { certificateLines } from './certificate-show.ts'
import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { certificateView } from './shapes/certificates.ts'
import { document, lines } from './text.ts'

const renew = operation({
  name: 'certificate renew',
  access: 'technician',
  summary: "a new key and certificate of the box's own for the page; the owner's, where there is one, goes",
  input: z.strictObject({}),
  output: certificateView,
  audited: [],
  auditedAnswer: ['fingerprint'],
  run: (_, { certificates }) => certificates.renew(),
})

export const certificateRenew: Command = {
  name: 'certificate renew',
  role: 'local',
  summary: renew.summary,
  arguments: [],
  options: {},
  operation: renew,
  async run({ parts, dir, json, out }) {
    const made = await (await parts.certificates(dir)).renew()
    if (json) await document({ out }, made)
    else await lines(out, certificateLines(made, out.width))
    return DONE
  },
}
