// Whose keys may make an image for the field.
import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const keys = join(import.meta.dirname, '../../images/keys')
const development = join(keys, 'development.cert.pem')

let dir: string
const at = (name: string) => join(dir, name)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-keys-'))
  for (const it of ['one.pem', 'two.pem', 'one.key']) writeFileSync(at(it), `-----BEGIN ${it}-----\n`)
})
afterEach(() => rmSync(dir, { recursive: true }))

function refusal(key: string, certificate: string, ...keyring: string[]): string {
  const { status, stderr } = spawnSync('bash', [join(keys, 'production.sh'), key, certificate, ...keyring], { encoding: 'utf8' })
  return status === 0 ? 'none' : stderr
}

test('a key, its certificate and two for the keyring are enough', () => {
  expect(refusal(at('one.key'), at('one.pem'), at('one.pem'), at('two.pem'))).toBe('none')
})

test('one certificate in the keyring is too few', () => {
  expect(refusal(at('one.key'), at('one.pem'), at('one.pem'))).toMatch(/names two files/)
})

test('a file that is not there is named', () => {
  expect(refusal(at('other.key'), at('one.pem'), at('one.pem'), at('two.pem'))).toContain(`there is no file ${at('other.key')}`)
})

test('the development certificate neither signs nor stands in the keyring, under another name or in a file with another', () => {
  copyFileSync(development, at('mine.pem'))
  expect(refusal(at('one.key'), at('mine.pem'), at('one.pem'), at('two.pem'))).toMatch(/development certificate/)
  copyFileSync(development, at('both.pem'))
  appendFileSync(at('both.pem'), '-----BEGIN another-----\n')
  expect(refusal(at('one.key'), at('one.pem'), at('one.pem'), at('both.pem'))).toMatch(/development certificate/)
})
