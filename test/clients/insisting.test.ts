// TLS that takes any certificate stands only where somebody looks at one: steps of a test, a search for brokers, a probe, and the command line that
// compares a fingerprint before it sends. Whatever is new insists, or is named here with its reason.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../../src')
const LOOKS_ONLY = [
  'clients/mqtt/find.ts',
  'clients/reach.ts',
  'commands/probe.ts',
  // By its fingerprint, before a byte of the request.
  'local-api/box.ts',
]

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((it) => /\.tsx?$/.test(it))
const text = (path: string) => readFileSync(join(SRC, path), 'utf8')

test('nothing else does without a certificate that is right', () => {
  expect(sources.length).toBeGreaterThan(300)
  const loose = /rejectUnauthorized:(?!\s*true\b)|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity:\s*\(\)\s*=>/
  expect(sources.filter((it) => loose.test(text(it))).toSorted()).toEqual(LOOKS_ONLY)
})
