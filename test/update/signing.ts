// A vendor who signs bundles, by the real rauc and openssl; and others who do as well.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const COMPATIBLE = 'holdfast-test'
const SLOT_BYTES = 1_000_000

export interface Bundle {
  readonly version: string
  readonly generation?: number
  /** What the boot of a slot that holds it makes of it. */
  readonly sick?: string
  readonly compatible?: string
  /** `signer`, or `stranger`, whom no box knows. Others of every kind: `signers.ts`. */
  readonly signer?: string
  /** verity is what boxes take; plain installs on kernels without device-mapper. */
  readonly format?: 'plain' | 'verity'
}

export interface Vendor {
  readonly dir: string
  readonly ca: string
  /** Resolves to the file. */
  bundle(it: Bundle): string
  close(): void
}

export function vendor(): Vendor {
  const dir = mkdtempSync(join(tmpdir(), 'hf-vendor-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '90',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
    )
  writeFileSync(join(dir, 'usage.ext'), 'extendedKeyUsage=critical,codeSigning\nkeyUsage=critical,digitalSignature\n')
  const signer = (name: string, by: string, ...days: string[]) => {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const from = ['x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial']
    openssl(...from, '-out', `${name}.pem`, '-extfile', 'usage.ext', ...days)
  }
  authority('ca')
  authority('other')
  signer('signer', 'ca', '-days', '60')
  signer('stranger', 'other', '-days', '60')
  const ca = join(dir, 'ca.pem')
  for (const name of ['ca', 'other'])
    writeFileSync(
      join(dir, `${name}.conf`),
      `[system]\ncompatible=${COMPATIBLE}\nbootloader=noop\n[keyring]\npath=${dir}/${name}.pem\ncheck-purpose=codesign\n`,
    )
  let count = 0
  return {
    dir,
    ca,
    bundle: (it) => build(dir, `${it.version}-${++count}.raucb`, it),
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}

function build(dir: string, file: string, it: Bundle): string {
  const { version, generation, compatible = COMPATIBLE, signer = 'signer', format = 'plain' } = it
  const content = join(dir, `${file}.d`)
  mkdirSync(content)
  writeFileSync(join(content, 'rootfs.img'), slotImage(it))
  const manifest = [
    ['[update]', `compatible=${compatible}`, `version=${version}`, ...(generation === undefined ? [] : [`build=${generation}`])],
    ['[bundle]', `format=${format}`],
    ['[image.rootfs]', 'filename=rootfs.img'],
  ]
  writeFileSync(join(content, 'manifest.raucm'), manifest.map((lines) => `${lines.join('\n')}\n`).join('\n'))
  const out = join(dir, file)
  const config = join(dir, signer === 'stranger' ? 'other.conf' : 'ca.conf')
  const by = [`--cert=${dir}/${signer}.pem`, `--key=${dir}/${signer}.key`]
  execFileSync('rauc', ['bundle', '-c', config, ...by, content, out], { stdio: 'pipe' })
  rmSync(content, { recursive: true })
  return out
}

/** The first line says what it is; the rest cannot be compressed. */
export function slotImage({ version, sick = '' }: Pick<Bundle, 'version' | 'sick'>): Buffer {
  const head = Buffer.from(`${JSON.stringify({ version, sick })}\n`)
  return Buffer.concat([head, noise(1, SLOT_BYTES - head.length)])
}

/** The same for the same number; nothing that could be compressed. */
export function noise(seed: number, bytes: number): Buffer {
  let state = seed >>> 0
  const all = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    all[at] = Math.imul(state ^ (state >>> 15), 2_246_822_507) >>> 24
  }
  return all
}
