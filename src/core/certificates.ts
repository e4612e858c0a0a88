// The certificate that the page is served with, and those of protocols, as an operator sees and changes them.
import type { CertificateView } from './access.ts'
import type { Certificate } from './source.ts'

export interface CertificatesApi {
  show(): Promise<CertificateView>
  /** The device's own, with a new key, in the place of whatever is served. */
  renew(): Promise<CertificateView>
  /** Throws BadInput, and changes nothing, where it cannot be used. */
  replace(pair: OwnersPair): Promise<CertificateView>
  /** For an authority of the owner: PEM. The key stays here, and is the same until a certificate for it is in use. */
  request(): Promise<CertificateRequest>
}

/** PEM. `cert`: the box's certificate first, then those between it and the authority. Without `key`: that of the request. */
export interface OwnersPair {
  readonly cert: string
  readonly key?: string
}

export interface CertificateRequest {
  readonly request: string
}

/** Of a protocol that has certificates: ours, or one of a far end. */
export interface ProtocolCertificate extends Omit<Certificate, 'state'> {
  readonly protocol: string
  readonly state: Certificate['state'] | 'own'
}
