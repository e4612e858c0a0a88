// A panel that was taken over: it has the updater's socket and may send anything. No bundle without our signature, no other path, no shell, no secret.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { updateSocket } from '../../src/update/client.ts'
import { UPDATE_VERBS } from '../../src/update/verbs.ts'
import { sendRaw } from '../machine/send-raw.ts'
import type { Box } from './box.ts'
import { box, canUpdate } from './box.ts'
import type { Vendor } from './signing.ts'
import { vendor } from './signing.ts'

const CANARY = 'canary-77aa01'
const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)('a panel that was taken over', { timeout: 180_000 }, () => {
  let made: Vendor
  let it: Box

  beforeAll(async () => {
    made = vendor()
    const update = 'update: { server: "https://127.0.0.1:1", token: { secret: hawkbit } }'
    it = await box({
      ca: made.ca,
      hasAgent: false,
      settings: `version: 1\n${update}\n`,
      secrets: { hawkbit: CANARY, other: CANARY },
    })
  }, 120_000)
  afterAll(async () => {
    await it?.close()
    made?.close()
  })

  const send = (text: string) => sendRaw(updateSocket(it.data), text)
  const ask = (verb: string, input: unknown) => send(`${JSON.stringify({ verb, input })}\n`)
  const slots = () => ['A', 'B'].map((name) => readFileSync(join(it.dir, `slot-${name}`)))

  test('the socket is for its group alone, and there are the verbs of the list and no other', async () => {
    expect((statSync(updateSocket(it.data)).mode & 0o777).toString(8)).toBe('660')
    expect(UPDATE_VERBS.map(({ name }) => name)).toEqual(['status', 'check', 'take', 'install', 'confirm', 'cancel', 'rollBack'])
    for (const name of ['exec', 'markGood', 'write', 'minimum', '__proto__', 'constructor', 'toString', ''])
      expect(await ask(name, {}), name).toContain('there is no such verb')
  })

  test('nothing takes a path, an address without TLS, or an order for a shell', async () => {
    const evil = [
      '../../etc/shadow',
      '/etc/shadow',
      'a/../b.raucb',
      '.raucb',
      '-o.raucb',
      'a\nb.raucb',
      '$(id).raucb',
      ';id;.raucb',
      '',
    ]
    for (const stick of evil) expect(await ask('install', { from: { stick }, by: 'x' }), stick).toMatch(/^\{"error":\{"problems"/)
    const urls = [
      'http://10.0.0.1/a.raucb',
      'file:///etc/shadow',
      'https://user:pass@a/b',
      'ftp://a/b',
      '/etc/shadow',
      '--conf=/tmp/x',
      'https://[',
      'https://a:b',
    ]
    for (const url of urls) expect(await ask('install', { from: { url }, by: 'x' }), url).toMatch(/^\{"error":\{"problems"/)
    for (const from of [
      { taken: false },
      { file: '/etc/shadow' },
      { taken: true, path: 'x' },
      {},
      null,
      [],
      { url: 'https://a/b', stick: 'a.raucb' },
    ])
      expect(await ask('install', { from, by: 'x' }), JSON.stringify(from)).toMatch(/^\{"error":\{"problems"/)
    for (const input of [
      { offset: -1, base64: '' },
      { offset: 0.5, base64: '' },
      { offset: 3e9, base64: '' },
      { offset: 0, base64: '!' },
    ])
      expect(await ask('take', input), JSON.stringify(input)).toMatch(/^\{"error":\{"problems"/)
    for (const verb of ['status', 'check', 'confirm', 'cancel', 'rollBack'])
      expect(await ask(verb, { by: 'x', path: '/' }), verb).toMatch(/^\{"error":\{"problems"/)
    expect((await it.updater.status()).job).toBeNull()
  })

  test('a link on the stick leads nowhere, and what is no bundle of ours changes no slot', async () => {
    const before = slots()
    symlinkSync('/etc/passwd', join(it.dir, 'stick', 'link.raucb'))
    expect(await ask('install', { from: { stick: 'link.raucb' }, by: 'x' })).toContain('is no file of the stick')
    const bundles = [
      Buffer.from('#!/bin/sh\ntouch /tmp/x\n'),
      readFileSync(made.bundle({ version: '9.0.0', signer: 'stranger' })),
    ]
    for (const [at, content] of bundles.entries()) {
      writeFileSync(join(it.dir, 'stick', `evil-${at}.raucb`), content)
      await it.updater.install({ stick: `evil-${at}.raucb` }, 'x')
      const now = await it.sees('refused', ({ job, last }) => job === null && last !== null)
      expect(now.last?.outcome).toBe('refused')
      await it.updater.take(0, content.subarray(0, 2_000_000).toString('base64'))
      await it.updater.install({ taken: true }, 'x')
      await it.sees('refused again', ({ job, last }) => job === null && last !== null && last.at !== now.last?.at)
    }
    expect(slots().map((slot, slotAt) => slot.equals(before[slotAt] as Buffer))).toEqual([true, true])
    expect(it.boots()).toBe(1)
  })

  test('what is put together stays where it belongs: a link that lies there is not followed', async () => {
    const target = join(it.dir, 'shadow')
    writeFileSync(target, 'root')
    const file = join(it.data, 'update', 'bundle.raucb')
    await it.updater.take(0, Buffer.from('one').toString('base64'))
    execFileSync('ln', ['-sf', target, file])
    expect(await ask('take', { offset: 4, base64: 'AAAA' })).toContain('ELOOP')
    expect(readFileSync(target, 'utf8')).toBe('root')
    expect(statSync(join(it.data, 'update')).mode & 0o777).toBe(0o700)
  })

  test('what is no request is refused, no secret comes out, and the updater goes on', async () => {
    const answers = [await send('no json\n'), await send('[]\n'), await ask('status', {}), await ask('check', {})]
    expect(await send('x'.repeat(6_000_000))).toBe('')
    expect(answers.join('\n')).not.toContain(CANARY)
    expect(it.log()).not.toContain(CANARY)
    expect(existsSync('/tmp/x')).toBe(false)
    expect((await it.updater.status()).version).toBe('1.0.0')
    expect(it.updaterChild().isRunning()).toBe(true)
  })
})
