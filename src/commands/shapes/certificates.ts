import { z } from 'zod'
import type { CertificateView } from '../../core/access.ts'
import type { CertificateRequest, OwnersPair, ProtocolCertificate } from '../../core/certificates.ts'
import { maybe, shapeOf } from './shape.ts'

const text = z.string()
/** A chain of ten, with keys of 4096 bits. */
export const PEM_CHARS_MAX = 32_768

const view = {
  fingerprint: text,
  subject: text,
  names: z.array(text).readonly(),
  validFrom: text,
  validTo: text,
  isOwners: z.boolean(),
}
export const certificateView = shapeOf<CertificateView>()(z.object(view))

const protocolCertificate = shapeOf<ProtocolCertificate>()(
  z.object({
    protocol: text,
    state: z.enum(['own', 'trusted', 'rejected']),
    fingerprint: text,
    subject: text,
    validFrom: text,
    validTo: text,
  }),
)

/** What the page is served with, and of protocols what the agent knows; null: no agent answers. */
export const allCertificates = z.object({ ...view, protocols: z.array(protocolCertificate).readonly().nullable() })

export const ownersPair = shapeOf<OwnersPair>()(
  z.strictObject({ cert: text.min(1).max(PEM_CHARS_MAX), key: maybe(text.min(1).max(PEM_CHARS_MAX)) }),
)

export const certificateRequest = shapeOf<CertificateRequest>()(z.object({ request: text }))
