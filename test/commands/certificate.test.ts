// `certificate …` as scripts call it: on a data directory, whether a panel runs or not.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCertificates } from '../../src/access/certificate.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { LocalApi } from '../../src/local-api/server.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { protocolCertificates } from '../../src/machine/protocol-certificates.ts'
import { openTrust } from '../../src/sources/opcua/certificates.ts'
import { authority } from '../access/authority.ts'
import { handMadeAgent, silent } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

let dir: string
let api: LocalApi | undefined
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const certificates = async (data: string) => openCertificates(data, 'holdfast-7f3a.local')
const run = (words: string) => runHere(`certificate ${words} --data ${dir}`, { certificates }, {}, connectAgent)

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-certificates-'))
})
afterAll(async () => {
  await api?.close()
  rmSync(dir, { recursive: true })
})

test('show: that of the page without an agent, those of protocols with one', async () => {
  const alone = await run('show')
  expect(alone.status).toBe(0)
  expect(alone.out).toMatch(/box's own certificate:\n {2}SHA-256 ([0-9A-F]{2}:){15}/)
  expect(alone.out).toContain('the agent does not answer')
  await (await openTrust(join(dir, 'protocols', 'opcua'), 'hf-7f3a', 'opc.tcp://plant')).close()
  api = await serveLocalApi(dir, handMadeAgent({ certificates: () => protocolCertificates(dir) }), silent)
  expect(await connectAgent(dir).certificates()).toMatchObject([
    { protocol: 'opcua', state: 'own', subject: expect.stringMatching(/Holdfast hf-7f3a/) },
  ])
  expect((await run('show')).out).toMatch(/opcua, our own:\n {2}SHA-1 ([0-9A-F]{2}:){19}/)
  const { protocols, names } = JSON.parse((await run('show --json')).out)
  expect(protocols).toHaveLength(1)
  expect(names).toContain('holdfast-7f3a.local')
})

test('request, replace by what the authority made of it, renew', async () => {
  const plant = await authority('Plant root')
  expect((await run(`request ${join(dir, 'box.csr')}`)).out).toContain('written')
  const cert = await plant.answer(readFileSync(join(dir, 'box.csr'), 'utf8'))
  const replaced = await run(`replace ${file('box.crt', cert)} --json`)
  expect(JSON.parse(replaced.out)).toMatchObject({ isOwners: true, fingerprint: new X509Certificate(cert).fingerprint256 })
  const pair = await plant.issue()
  expect((await run(`replace ${file('both.pem', pair.key + pair.cert)}`)).out).toContain("owner's certificate")
  expect((await run('renew')).out).toContain("box's own certificate")
})

test('what cannot be used is refused: what, where, and what to do', async () => {
  const plant = await authority('Plant root')
  const [one, other] = [await plant.issue(), await plant.issue()]
  const before = (await run('show --json')).out
  const disk = file('disk.crt', '')
  truncateSync(disk, 5e9)
  const [cert, key] = [file('one.crt', one.cert), file('other.key', other.key)]
  for (const [words, text] of [
    [`replace ${cert} --key ${key}`, /error certificate: the private key is of another certificate\n.*give the two/],
    [`replace ${cert}`, /is not on this box\n.*certificate request/],
    [`replace ${join(dir, 'none.crt')}`, /none\.crt: cannot be read: ENOENT/],
    [`replace ${file('long.crt', 'x'.repeat(40_000))}`, /longer than/],
    [`replace ${disk}`, /longer than/],
    [`request ${join(dir, 'none', 'box.csr')}`, /cannot be written: ENOENT/],
    ['replace', /CERTIFICATE is missing/],
  ] as const) {
    const { status, err } = await run(words)
    expect([words, status]).toEqual([words, 2])
    expect(err).toMatch(text)
  }
  expect((await run('show --json')).out).toBe(before)
})
