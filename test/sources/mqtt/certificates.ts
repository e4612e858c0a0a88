// Certificates for tests, made by openssl: an authority, a broker's for localhost and a client's, and another authority that nobody trusts.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  readonly ca: string
  readonly otherCa: string
  readonly expired: { readonly cert: string; readonly key: string }
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
}

export function makeCertificates(dir: string): Certificates {
  mkdirSync(dir, { recursive: true })
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  const read = (name: string) => readFileSync(join(dir, name), 'utf8')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = (name: string) =>
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`)
  const signed = (name: string, extension: string, days = 2) => {
    writeFileSync(join(dir, `${name}.ext`), extension)
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      String(days),
      '-extfile',
      `${name}.ext`,
    )
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) }
  }
  authority('ca')
  authority('other')
  return {
    ca: read('ca.pem'),
    otherCa: read('other.pem'),
    expired: signed('expired', 'subjectAltName=DNS:localhost\n', -1),
    server: signed('server', 'subjectAltName=DNS:localhost,DNS:broker.plant\n'),
    client: signed('client', 'extendedKeyUsage=clientAuth\n'),
  }
}
