// An update from a server: a box fetches of the next version what it does not have, and no more. The server's authority is none that the world knows:
// a version that trusts it comes from a stick first.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CountedLine } from '../update/counted-line.ts'
import { countedLine } from '../update/counted-line.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { bundlesOf } from './bundles.ts'
import { OURS } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const TRUSTS = '99.7.0-development'
const NEXT = '99.8.0-development'
/** Of the issue, for a change of one line. */
const BYTES_MAX = 3_000_000

let line: CountedLine
let box: Box

/** As PEM. */
function certificate(): { readonly cert: string; readonly key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'hf-image-fetch-'))
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=bundles']
  execFileSync('openssl', [...words, '-addext', `subjectAltName=IP:${OURS.uplink}`, '-keyout', 'key.pem', '-out', 'cert.pem'], {
    cwd: dir,
    stdio: 'ignore',
  })
  const [cert = '', key = ''] = ['cert.pem', 'key.pem'].map((it) => readFileSync(join(dir, it), 'utf8'))
  rmSync(dir, { recursive: true })
  return { cert, key }
}

beforeAll(
  async () => {
    const tls = certificate()
    line = await countedLine(bundlesOf(board, { [NEXT]: {} }), tls)
    box = newBox(board, {
      [TRUSTS]: {
        'usr/lib/holdfast/test-authority.pem': tls.cert,
        'etc/systemd/system/holdfast-updater.service.d/authority.conf':
          '[Service]\nEnvironment=NODE_EXTRA_CA_CERTS=/usr/lib/holdfast/test-authority.pem\n',
      },
    })
    await box.up()
    await box.claim()
    await box.sees('it is marked good', (it) => it.minimum !== null)
    await box.installFromStick(TRUSTS)
    await box.up()
    await box.logIn()
    await box.sees('the trial is over', (it) => it.job === null)
  },
  6 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
)
afterAll(async () => {
  await box?.remove()
  await line?.close()
})

test('the next version comes over the uplink in few bytes, starts and stays', {
  timeout: 5 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
}, async () => {
  const url = `https://${OURS.uplink}:${new URL(line.url).port}/${NEXT}.raucb`
  const { status, text } = await box.anna().call('update install', { from: { url } })
  expect(status, text).toBe(200)
  await box.machine().goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
  const bytes = line.bytes()
  box.took(`${NEXT} is fetched by ${bytes} bytes, installed, and the box is down`)
  const [, , version] = await box.up()
  expect(version).toBe(NEXT)
  await box.logIn()
  const now = await box.sees('the trial is over', (it) => it.job === null)
  expect(now).toMatchObject({ version: NEXT, last: { outcome: 'good', version: NEXT } })
  expect(bytes).toBeLessThan(BYTES_MAX)
  // It was not on the box before.
  expect(bytes).toBeGreaterThan(10_000)
})
