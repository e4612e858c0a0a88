// Authorities and certificates of every kind, as an owner's people make them.
import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto)
const EC = { name: 'ECDSA', namedCurve: 'P-256' }
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }
const DAY_MS = 86_400_000

export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  readonly cert: string
  /** `usage`: of extended key usage. */
  issue(kind?: Kind): Promise<Issued>
  /** What a request asks for. */
  answer(request: string): Promise<string>
  below(name: string): Promise<Authority>
}

export interface Kind {
  readonly name?: string
  readonly fromDays?: number
  readonly days?: number
  readonly usage?: 'server' | 'client' | 'any'
  readonly isNamed?: boolean
  /** Instead of the name alone. */
  readonly names?: x509.JsonGeneralNames
  /** Of RSA, instead of a key of P-256. */
  readonly rsaBits?: number
  readonly isAuthority?: boolean
}

/** `kind`: of its own certificate. */
export async function authority(name: string, kind: Pick<Kind, 'fromDays' | 'days'> = {}): Promise<Authority> {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SIGNING,
    ...dates(kind),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return authorityOf(cert, keys)
}

/** Nobody but itself has signed it. */
export async function selfSigned(name: string): Promise<Issued> {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SIGNING,
    ...dates({}),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  })
  return { cert: pem(cert), key: await keyText(keys) }
}

function authorityOf(own: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Authority {
  const sign = async (publicKey: x509.PublicKeyType, subject: string, kind: Kind, more: readonly x509.Extension[] = []) => {
    const usage = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth }
    const cert = await x509.X509CertificateGenerator.create({
      subject,
      issuer: own.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: SIGNING,
      ...dates(kind),
      extensions: [
        new x509.BasicConstraintsExtension(kind.isAuthority === true, undefined, true),
        ...(kind.usage === 'any' ? [] : [new x509.ExtendedKeyUsageExtension([usage[kind.usage ?? 'server']])]),
        ...more,
      ],
    })
    return cert
  }
  const named = (names: x509.JsonGeneralNames) => [new x509.SubjectAlternativeNameExtension(names)]
  return {
    cert: pem(own),
    async issue(kind = {}) {
      const name = kind.name ?? 'box.plant.example'
      const made = await newKeys(kind.rsaBits)
      const cert = await sign(
        made.publicKey,
        `CN=${name}`,
        kind,
        kind.isNamed === false ? [] : named(kind.names ?? [{ type: 'dns', value: name }]),
      )
      return { cert: pem(cert), key: await keyText(made) }
    },
    async answer(text) {
      const request = new x509.Pkcs10CertificateRequest(text)
      if (!(await request.verify())) throw new Error('the request is not signed by its own key')
      return pem(await sign(request.publicKey, request.subject, {}, request.extensions))
    },
    async below(name) {
      const made = await newKeys()
      return authorityOf(await sign(made.publicKey, `CN=${name}`, { isAuthority: true, usage: 'any' }), made)
    },
  }
}

const dates = ({ fromDays = -1, days = 365 }: Kind) => ({
  notBefore: new Date(Date.now() + fromDays * DAY_MS),
  notAfter: new Date(Date.now() + (fromDays + days) * DAY_MS),
})

async function newKeys(rsaBits?: number): Promise<webcrypto.CryptoKeyPair> {
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: rsaBits ?? 0,
  }
  return (await webcrypto.subtle.generateKey(rsaBits ? rsa : EC, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function keyText({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey))
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }) as string
}

const pem = (it: { toString(format: 'pem'): string }) => `${it.toString('pem').trimEnd()}\n`
