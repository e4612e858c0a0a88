// What the scan finds before an image is given out. The key of each case is the one for development, as it would lie about.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const images = join(import.meta.dirname, '../../images')
const KEY = readFileSync(join(images, 'keys/development.key.pem'), 'utf8')
const CERTIFICATE = readFileSync(join(images, 'keys/development.cert.pem'), 'utf8')
const [FIRST_LINE = ''] = KEY.split('\n')

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-secrets-'))
  put('etc/shadow', 'root:!*:20000:0:99999:7:::\nnobody:*:20000::::::\n')
  put('etc/passwd', 'root:*:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n')
  put('etc/machine-id', '')
  put('etc/rauc/keyring.pem', CERTIFICATE)
  // As a library of cryptography has it.
  put('usr/lib/libcrypto.so', Buffer.from(`\0${FIRST_LINE}\0-----END PRIVATE KEY-----\0`))
  put('usr/lib/x86_64-linux-gnu/libgnutls.so.30.40.3', Buffer.from(`\0${KEY}\0`))
})
afterEach(() => rmSync(dir, { recursive: true }))

function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), content)
}

function scan(): { readonly status: number | null; readonly found: string[] } {
  const { status, stderr } = spawnSync('bash', [join(images, 'secrets.sh'), dir], { encoding: 'utf8' })
  return { status, found: stderr.split('\n').filter((it) => it !== '') }
}

test('a root without secrets passes, with certificates and with what libraries of cryptography have inside', () => {
  expect(scan()).toEqual({ status: 0, found: [] })
})

const encrypted = KEY.replace(/\n/, '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n').replaceAll('PRIVATE', 'EC PRIVATE')
test.each([
  ['a private key', 'etc/a.pem', KEY],
  ['a private key', 'etc/lines-of-another-system.pem', KEY.replaceAll('\n', '\r\n')],
  ['a private key', 'etc/in-json', JSON.stringify({ key: KEY })],
  ['a private key', 'etc/encrypted.pem', encrypted],
  ['a private key', 'usr/bin/in-a-program', Buffer.concat([Buffer.from([0x7f, 0x45, 0, 0xff]), Buffer.from(`\0${KEY}\0`)])],
  ['a private key', 'usr/lib/x86_64-linux-gnu/libother.so.1', Buffer.from(`\0${KEY}\0`)],
  ['a host key', 'etc/ssh/ssh_host_ed25519_key', ''],
  ['a machine id that all boxes would share', 'etc/machine-id', '0123456789abcdef0123456789abcdef\n'],
  ['a password of root in /etc/shadow', 'etc/shadow', 'root:$y$j9T$abc$def:20000::::::\n'],
  ['a password of root in /etc/shadow', 'etc/shadow', 'root::20000::::::\n'],
  ['a password of anna in /etc/passwd', 'etc/passwd', 'anna:abcdefghijklm:1000:1000::/:/bin/sh\n'],
  ['identity.json', 'data/identity.json', '{}'],
])('%s is found: %s', (what, path, content) => {
  put(path, content)
  const { status, found } = scan()
  expect(status).toBe(1)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(what)
  if (what === 'a private key') expect(found[0]).toContain(`: /${path}`)
})
