// Signers of any life and use, and signatures of any time and over anything: what somebody makes who has a key and heeds no rule. By the real openssl;
// rauc itself refuses to sign with most of them.
import { execFileSync } from 'node:child_process'
import { sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Life {
  readonly from: Date
  readonly to: Date
}

export interface Signer {
  /** Files, as PEM. */
  readonly certificate: string
  readonly key: string
}

export interface SignerOptions extends Life {
  /** Lines of openssl's extensions; absent: as a bundle's signer has to have them. */
  readonly extensions?: readonly string[]
  /** Whose certificate signs it; absent: its own. */
  readonly by?: Signer
  /** Another one's key: fewer to make. */
  readonly keyOf?: Signer
  /** Absent: as it is called here. */
  readonly commonName?: string | undefined
}

export interface SignOptions {
  /** Another signing time than now. */
  readonly at?: Date
  /** Of openssl's cms. */
  readonly flags?: readonly string[]
}

export interface Signers {
  readonly dir: string
  /** One that signs others' certificates. */
  authority(name: string, life: Life, commonName?: string): Signer
  signer(name: string, options: SignerOptions): Signer
  /** The same bundle, of whatever format, with another signature. */
  signedAgain(bundle: Buffer, by: readonly Signer[], options?: SignOptions): Buffer
  /** A signature that has a certificate and no signature. */
  signedByNobody(it: Signer): Buffer
  close(): void
}

interface Parts {
  readonly payload: Buffer
  readonly signature: Buffer
}

const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash']
const SIGNER = ['extendedKeyUsage=critical,codeSigning', 'keyUsage=critical,digitalSignature']
const CA_CONFIG = (dir: string) => `[ca]
default_ca=it
[it]
database=${dir}/index.txt
new_certs_dir=${dir}
default_md=sha256
policy=any
unique_subject=no
rand_serial=yes
[any]
commonName=supplied
`

export function signers(): Signers {
  const dir = mkdtempSync(join(tmpdir(), 'hf-signers-'))
  const at = (name: string) => join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  writeFileSync(at('index.txt'), '')
  writeFileSync(at('ca.conf'), CA_CONFIG(dir))

  function signer(name: string, { from, to, extensions = SIGNER, by, keyOf, commonName = name }: SignerOptions): Signer {
    const key = keyOf?.key ?? at(`${name}.key`)
    const certificate = at(`${name}.pem`)
    if (!keyOf) openssl('genrsa', '-out', key, '2048')
    openssl('req', '-new', '-key', key, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`)
    writeFileSync(at(`${name}.ext`), `${extensions.join('\n')}\n`)
    const whose = by ? ['-cert', by.certificate, '-keyfile', by.key] : ['-selfsign', '-keyfile', key]
    const life = ['-startdate', generalized(from), '-enddate', generalized(to)]
    const what = ['-in', `${name}.csr`, '-out', certificate, '-extfile', `${name}.ext`]
    openssl('ca', '-batch', '-notext', '-config', 'ca.conf', ...whose, ...life, ...what)
    return { certificate, key }
  }

  function signedAgain(bundle: Buffer, by: readonly Signer[], { at: time, flags = [] }: SignOptions = {}): Buffer {
    const { payload, signature } = partsOf(bundle)
    const manifest = manifestOf(openssl, at, signature)
    writeFileSync(at('content'), manifest ?? payload)
    const who = by.flatMap(({ certificate, key }) => ['-signer', certificate, '-inkey', key])
    const how = ['-binary', '-nosmimecap', '-md', 'sha256', '-outform', 'DER', ...(manifest ? ['-nodetach'] : []), ...flags]
    openssl('cms', '-sign', ...how, ...who, '-in', 'content', '-out', 'signature')
    const made = readFileSync(at('signature'))
    return joined(payload, time ? signedAt(made, by[0] as Signer, time) : made)
  }

  return {
    dir,
    authority: (name, life, commonName) => signer(name, { ...life, extensions: AUTHORITY, commonName }),
    signer,
    signedAgain,
    signedByNobody: ({ certificate }) => openssl('crl2pkcs7', '-nocrl', '-certfile', certificate, '-outform', 'DER'),
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** payload, signature, the signature's length in eight bytes. */
export function partsOf(bundle: Buffer): Parts {
  const end = bundle.length - 8
  const from = end - Number(bundle.readBigUInt64BE(end))
  return { payload: bundle.subarray(0, from), signature: bundle.subarray(from, end) }
}

export function joined(payload: Buffer, signature: Buffer, length = BigInt(signature.length)): Buffer {
  const end = Buffer.alloc(8)
  end.writeBigUInt64BE(length)
  return Buffer.concat([payload, signature, end])
}

/** Of a bundle with a hash tree: what is signed there. */
function manifestOf(openssl: (...args: string[]) => Buffer, at: (name: string) => string, signature: Buffer): Buffer | undefined {
  if (!signature.includes('verity-hash=')) return undefined
  writeFileSync(at('old'), signature)
  openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-binary', '-in', 'old', '-out', 'manifest')
  return readFileSync(at('manifest'))
}

const CONTENT_TYPE = Buffer.from('06092a864886f70d010903', 'hex')
const SIGNING_TIME = Buffer.from('06092a864886f70d010905310f170d', 'hex')
const ATTRIBUTES_BYTES_MAX = 127
const SIGNATURE_BYTES = 256

/** The time is an attribute that is signed: it is exchanged, and signed anew. openssl knows no time but the clock's. */
function signedAt(cms: Buffer, { key }: Signer, time: Date): Buffer {
  const all = Buffer.from(cms)
  const timeAt = all.lastIndexOf(SIGNING_TIME) + SIGNING_TIME.length
  all.write(generalized(time).slice(2), timeAt, 'latin1')
  // [0], its length, SEQUENCE, its length, the first attribute's name.
  const from = all.lastIndexOf(CONTENT_TYPE) - 4
  const bytes = all[from + 1] as number
  if (all[from] !== 0xa0 || bytes > ATTRIBUTES_BYTES_MAX || timeAt > from + bytes)
    throw new Error('no signed attributes are there')
  const attributes = Buffer.from(all.subarray(from, from + 2 + bytes))
  // As a SET they are signed.
  attributes[0] = 0x31
  sign('sha256', attributes, readFileSync(key)).copy(all, all.length - SIGNATURE_BYTES)
  return all
}

/** 20261130120000Z */
function generalized(time: Date): string {
  return time.toISOString().replaceAll(/[-T:]|\.\d+/g, '')
}
