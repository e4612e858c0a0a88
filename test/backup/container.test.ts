// A backup as a file: what opens it, and what does not.
import { gunzipSync } from 'node:zlib'
import { armor, Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { beforeAll, expect, test } from 'vitest'
import { sealBackup, unsealBackup } from '../../src/backup/container.ts'
import type { BackupContents } from '../../src/backup/contents.ts'
import { contentsText, isKeyFile, parseContents } from '../../src/backup/contents.ts'
import { BadInput } from '../../src/core/errors.ts'
import { backupThread } from '../../src/workers/backup-host.ts'

const PASSPHRASE = 'five words that nobody guesses'
const CONTENTS: BackupContents = {
  device: 'hf-7f3a',
  madeAt: 1_795_000_000_000_000,
  version: '0.1.0',
  settings: 'version: 1\ndevice: { id: hf-7f3a }\n',
  secrets: { cloud: 'what-only-the-owner-knows' },
  files: { 'export/box.key': Buffer.from('a key').toString('base64') },
  ledger: [],
  ledgerLines: 0,
}

let file: string
beforeAll(async () => {
  file = await sealBackup(contentsText(CONTENTS), PASSPHRASE)
})

const problemOf = async (text: string, passphrase = PASSPHRASE) => {
  const error: unknown = await unsealBackup(text, passphrase).then(
    () => undefined,
    (it: unknown) => it,
  )
  expect(error).toBeInstanceOf(BadInput)
  return (error as BadInput).problems[0]
}

test('what went in comes out, by its passphrase and by any program that reads age files; nothing of it is in clear', async () => {
  expect(parseContents(await unsealBackup(file, PASSPHRASE))).toEqual(CONTENTS)
  expect(file).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
  const bytes = Buffer.from(armor.decode(file))
  for (const it of ['what-only-the-owner-knows', 'hf-7f3a', PASSPHRASE, 'cloud']) expect(bytes.includes(it)).toBe(false)
  const decrypter = new Decrypter()
  decrypter.addPassphrase(PASSPHRASE)
  expect(JSON.parse(gunzipSync(await decrypter.decrypt(bytes)).toString())).toMatchObject({ format: 1, device: 'hf-7f3a' })
})

test('two backups of the same say nothing by what they have in common', async () => {
  const other = await sealBackup(contentsText(CONTENTS), PASSPHRASE)
  const lines = new Set(file.split('\n').slice(2, -2))
  expect(other.split('\n').filter((it) => lines.has(it))).toEqual([])
})

test('another passphrase is told from a file that is damaged', async () => {
  expect(await problemOf(file, `${PASSPHRASE} `)).toMatchObject({ where: 'passphrase', text: 'does not open this backup' })
  const bytes = Buffer.from(armor.decode(file))
  const header = bytes.indexOf('\n---')
  // Where the key is, where the header is signed, and where the data is.
  for (const at of [header + 10, bytes.length - 30, bytes.length - 1]) {
    const damaged = Buffer.from(bytes)
    damaged[at] = (damaged[at] ?? 0) ^ 1
    expect((await problemOf(armor.encode(damaged)))?.where, String(at)).toBe('file')
  }
  for (const length of [0, 40, 200, file.length - 100])
    expect(await problemOf(file.slice(0, length))).toMatchObject({ where: 'file' })
})

test.each([
  ['something else', 'version: 1\n'],
  ['an empty file', ''],
  ['a frame with nothing in it', '-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n'],
])('%s is no backup', async (_, text) => {
  expect(await problemOf(text)).toMatchObject({ where: 'file', remedy: expect.stringContaining('holdfast backup save') })
})

test('nor is a file for a key, one without a backup in it, and one that would take the memory of the box', async () => {
  const forKey = new Encrypter()
  forKey.addRecipient(await identityToRecipient(await generateIdentity()))
  expect((await problemOf(armor.encode(await forKey.encrypt('x'))))?.text).toContain('not encrypted by a passphrase')
  const other = new Encrypter()
  other.setPassphrase(PASSPHRASE)
  other.setScryptWorkFactor(10)
  expect((await problemOf(armor.encode(await other.encrypt('no gzip'))))?.text).toContain('something else')
  // 2^30: a thousand GB.
  const bytes = Buffer.from(armor.decode(file))
    .toString('latin1')
    .replace(/(-> scrypt \S+ )16\n/, '$130\n')
  const begun = performance.now()
  expect((await problemOf(armor.encode(Buffer.from(bytes, 'latin1'))))?.text).toContain('more memory')
  expect(performance.now() - begun).toBeLessThan(1_000)
})

const changed = (changes: object) => JSON.stringify({ ...(JSON.parse(contentsText(CONTENTS)) as object), ...changes })

test.each([
  ['a later format', { format: 2 }, 'has format 2, this version knows 1'],
  ['no format', { format: undefined }, 'something else'],
  ['no settings', { settings: 7 }, 'settings'],
  ['a file anywhere', { files: { '../../etc/passwd': '' } }, 'files'],
  ['a link to the log', { files: { 'log/journal.db': '' } }, 'files'],
  ['a hidden file', { files: { 'protocols/opcua/pki/own/certs/..': '' } }, 'files'],
  ['what is no base64', { files: { 'export/box.key': '%' } }, 'files'],
])('contents with %s are refused', (_, changes, text) => {
  expect(() => parseContents(changed(changes))).toThrow(text)
})

test('what is no JSON is refused without a word of it', () => {
  expect(() => parseContents('{"secrets": {"cloud": "what-only')).toThrow(/^(?!.*what-only).*something else/s)
})

test('files that may be brought are keys and certificates, below their own folders', () => {
  for (const it of [
    'export/box.key',
    'protocols/opcua/pki/own/private/private_key.pem',
    'protocols/opcua/pki/trusted/certs/Press 3 [ab12].pem',
  ])
    expect(isKeyFile(it), it).toBe(true)
  for (const it of [
    'secrets.json',
    'protocols/opcua/pki/rejected/x.pem',
    'protocols/../pki/own/certs/x',
    '/export/box.key',
    'export/box.key/x',
  ])
    expect(isKeyFile(it), it).toBe(false)
})

test('one at a time, in a thread of its own: whoever asks meanwhile hears so', async () => {
  const thread = backupThread()
  const sealing = thread.seal(CONTENTS, PASSPHRASE)
  await expect(thread.open(file, PASSPHRASE)).rejects.toThrow('a backup is being made or opened')
  expect(await thread.open(await sealing, PASSPHRASE)).toEqual(CONTENTS)
  await expect(thread.open(file, 'another one, which is wrong')).rejects.toBeInstanceOf(BadInput)
})
