// What a backup's file is, and what is refused of one that somebody else made.
import { gzipSync } from 'node:zlib'
import { armor, Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { beforeAll, expect, test } from 'vitest'
import { sealBackup, unsealBackup } from '../../src/backup/container.ts'
import type { BackupContents } from '../../src/backup/contents.ts'
import { contentsText, isKeyFile, parseContents } from '../../src/backup/contents.ts'
import { BadInput } from '../../src/core/errors.ts'

const PASSPHRASE = 'five words nobody guesses'
const CANARY = 'canary-5e1f00d2'
const CONTENTS: BackupContents = {
  device: 'hf-7f3a',
  madeAt: 1_795_000_000_000_000,
  version: '0.1.0',
  settings: 'version: 1\ndevice: { id: hf-7f3a }\n',
  secrets: { cloud: CANARY },
  files: { 'protocols/opcua/pki/own/private/private_key.pem': Buffer.from(CANARY).toString('base64') },
  ledger: [],
  ledgerLines: 0,
}

let file: string
beforeAll(async () => (file = await sealBackup(contentsText(CONTENTS), PASSPHRASE)))

const refused = async (text: string, passphrase = PASSPHRASE) => {
  const error: unknown = await unsealBackup(text, passphrase).catch((it: unknown) => it)
  expect(error).toBeInstanceOf(BadInput)
  expect((error as Error).message).not.toContain(CANARY)
  return (error as BadInput).problems[0]
}

async function sealedBy(change: (encrypter: Encrypter) => void, inside: Uint8Array | string = gzipSync('{}')): Promise<string> {
  const encrypter = new Encrypter()
  change(encrypter)
  return armor.encode(await encrypter.encrypt(inside))
}

test('what was sealed is opened, and nothing secret can be read in the file', async () => {
  expect(parseContents(await unsealBackup(file, PASSPHRASE))).toEqual(CONTENTS)
  expect(file.startsWith('-----BEGIN AGE ENCRYPTED FILE-----\n')).toBe(true)
  const bytes = Buffer.from(armor.decode(file)).toString('latin1')
  for (const it of [CANARY, Buffer.from(CANARY).toString('base64'), 'hf-7f3a']) expect(file + bytes).not.toContain(it)
})

test('another passphrase, a cut and each flipped bit are told apart from a backup', async () => {
  expect(await refused(file, `${PASSPHRASE}!`)).toMatchObject({ where: 'passphrase' })
  expect(await refused(file.slice(0, file.length / 2))).toMatchObject({ where: 'file' })
  const bytes = armor.decode(file)
  expect(await refused(armor.encode(bytes.subarray(0, bytes.length - 20)))).toMatchObject({ where: 'file' })
  const bent = Uint8Array.from(bytes)
  bent[bent.length - 5] = (bent.at(-5) as number) ^ 1
  expect(await refused(armor.encode(bent))).toMatchObject({ where: 'file', text: 'is damaged: it is not as it was written' })
  expect(await refused('version: 1\n')).toMatchObject({ where: 'file' })
})

test('a file that asks for more memory than a box ever does is refused before any is taken', async () => {
  const head = Buffer.from(armor.decode(file)).toString('latin1')
  for (const factor of ['17', '20', '30', '999999999']) {
    const bomb = Buffer.from(head.replace(/^(age.*\n-> scrypt \S+) 16\n/, `$1 ${factor}\n`), 'latin1')
    const begun = performance.now()
    expect((await refused(armor.encode(bomb)))?.text).toContain('more memory')
    expect(performance.now() - begun).toBeLessThan(100)
  }
})

test('a second line of scrypt does not bring what the first one may not', async () => {
  const head = Buffer.from(armor.decode(file)).toString('latin1')
  const [stanza = ''] = /-> scrypt \S+ 16\n\S+\n/.exec(head) ?? []
  const two = head.replace(stanza, stanza + stanza.replace(' 16\n', ' 20\n'))
  const begun = performance.now()
  await refused(armor.encode(Buffer.from(two, 'latin1')))
  expect(performance.now() - begun).toBeLessThan(100)
})

test('age files of others, and what is no backup inside, are refused', async () => {
  const recipient = await identityToRecipient(await generateIdentity())
  expect((await refused(await sealedBy((it) => it.addRecipient(recipient))))?.text).toContain('not encrypted by a passphrase')
  const weak = (it: Encrypter) => (it.setPassphrase(PASSPHRASE), it.setScryptWorkFactor(10))
  expect((await refused(await sealedBy(weak, 'no gzip')))?.text).toContain('something else')
  const bomb = gzipSync(Buffer.alloc(100_000_000))
  expect((await refused(await sealedBy(weak, bomb)))?.text).toContain('something else')
})

test('a later format and contents that are none are refused, and quote nothing of what they hold', () => {
  expect(() => parseContents(JSON.stringify({ format: 2, secrets: CANARY }))).toThrow('has format 2, this version knows 1')
  for (const it of [CANARY, '{}', 'null', JSON.stringify({ ...CONTENTS, format: 1, secrets: CANARY })]) {
    expect(() => parseContents(it)).toThrow('something else')
    expect(() => parseContents(it)).not.toThrow(CANARY)
  }
})

test('a backup brings no file but keys: no path leads out of their folders', () => {
  const own = 'protocols/opcua/pki/own'
  for (const it of ['export/box.key', `${own}/certs/holdfast.pem`, `${own}/private/private_key.pem`])
    expect(isKeyFile(it), it).toBe(true)
  const wrong = ['access/users.json', '../x', `${own}/certs/..`, `${own}/certs/a/b`, `/${own}/certs/a`, 'protocols/../pki/own/certs/a']
  for (const it of wrong) {
    expect(isKeyFile(it), it).toBe(false)
    expect(() => parseContents(contentsText({ ...CONTENTS, files: { [it]: 'AA==' } })), it).toThrow(BadInput)
  }
})

test('any program that knows age opens it: gzip of JSON', async () => {
  const decrypter = new Decrypter()
  decrypter.addPassphrase(PASSPHRASE)
  expect((await decrypter.decrypt(armor.decode(file))).subarray(0, 2)).toEqual(Uint8Array.of(0x1f, 0x8b))
})
