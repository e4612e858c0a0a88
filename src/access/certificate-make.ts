// Keys, certificates that the device signs itself, and requests that an authority of the owner answers.
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import { networkInterfaces } from 'node:os'

const DAY_MS = 86_400_000
/** Browsers refuse what is valid for longer than 825 days. */
const VALID_DAYS = 800
/** Where the service port is, whatever the network says. */
const SERVICE_ADDRESS = '192.168.77.1'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }

export async function newKey(): Promise<string> {
  const pair = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }) as string
}

/** Signed by its own key, for all that the box is called now. */
export async function selfSigned(key: string, localName: string, now: number): Promise<string> {
  const x509 = await library()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [localName] }],
    keys: await keysOf(key),
    signingAlgorithm: SIGNING,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(namesOf(localName)),
    ],
  })
  return pem(certificate.toString('pem'))
}

export async function requestFor(key: string, localName: string): Promise<string> {
  const x509 = await library()
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [localName] }],
    keys: await keysOf(key),
    signingAlgorithm: SIGNING,
    extensions: [new x509.SubjectAlternativeNameExtension(namesOf(localName))],
  })
  return pem(request.toString('pem'))
}

/** Loaded when something is made, which is seldom. It wants the first of the two to be there before it. */
async function library() {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  return x509
}

async function keysOf(key: string): Promise<webcrypto.CryptoKeyPair> {
  const privateDer = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' })
  const publicDer = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', privateDer, ALGORITHM, false, ['sign']),
    webcrypto.subtle.importKey('spki', publicDer, ALGORITHM, true, ['verify']),
  ])
  return { privateKey, publicKey }
}

const pem = (text: string) => `${text.trimEnd()}\n`

function namesOf(localName: string) {
  const addresses = Object.values(networkInterfaces())
    .flatMap((it) => it ?? [])
    // Link-local ones need a zone, which no name in a certificate has.
    .filter((it) => !it.address.startsWith('fe80:'))
    .map((it) => it.address)
  return [
    { type: 'dns' as const, value: localName },
    { type: 'dns' as const, value: 'localhost' },
    ...[...new Set([...addresses, SERVICE_ADDRESS])].map((value) => ({ type: 'ip' as const, value })),
  ]
}
