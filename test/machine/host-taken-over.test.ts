// A panel that was taken over: it has the helper's socket and may send anything. It gets the verbs, checked, and nothing else.
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Unreachable } from '../../src/core/errors.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { VERBS } from '../../src/machine/host/verbs/index.ts'
import { hostSocket } from '../../src/machine/host/wire.ts'
import { handMadeAgent, silent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import type { HostSite } from './host-process.ts'
import { hostSite } from './host-process.ts'
import type { Namespace } from './namespace.ts'
import { canHaveNamespaces, namespace } from './namespace.ts'
import { sendRaw } from './send-raw.ts'

const CANARY = 'canary-5e0c7d'
const can = canHaveNamespaces()
if (!can) console.warn('SKIPPED: the helper of root needs root and iproute2')

describe.skipIf(!can)('a panel that was taken over', () => {
  let net: Namespace
  let site: HostSite
  let helper: Child

  beforeAll(async () => {
    net = namespace()
    site = hostSite()
    mkdirSync(site.data, { recursive: true })
    writeFileSync(join(site.data, 'secrets.json'), JSON.stringify({ cloud: CANARY }), { mode: 0o600 })
    helper = await site.start(net.inside)
  })
  afterAll(async () => {
    await helper?.kill()
    net?.close()
    site?.close()
  })

  const send = (text: string) => sendRaw(hostSocket(site.data), text)
  const ask = (verb: string, input: unknown) => send(`${JSON.stringify({ verb, input })}\n`)
  const text = () => readFileSync(join(site.dir, 'settings.yaml'), 'utf8')

  test('the socket is for its group alone', () => {
    expect((statSync(hostSocket(site.data)).mode & 0o777).toString(8)).toBe('660')
  })

  test('there are the verbs of the list and no other: nothing runs a command, reads a file or hands out a secret', async () => {
    expect(VERBS.map((it) => it.name).toSorted()).toEqual([
      'clockServers',
      'clockSet',
      'factoryReset',
      'networkApply',
      'networkConfirm',
      'networkRevert',
      'networkShow',
      'powerOff',
      'reboot',
      'serviceRestart',
      'settingsWrite',
      'stickMount',
      'stickUnmount',
    ])
    for (const name of ['exec', 'shell', 'readFile', 'secrets', '__proto__', 'constructor', 'toString', ''])
      expect(await ask(name, {}), name).toContain('there is no such verb')
  })

  test('every verb refuses what it does not know: more keys, other types, paths, options, orders for a shell', async () => {
    const evil = ['; touch /tmp/x', '$(id)', '../../etc/shadow', '-rf', 'a\nb', '\0', 'x'.repeat(5_000)]
    const fields: Readonly<Record<string, (it: string) => object>> = {
      serviceRestart: (name) => ({ name }),
      clockServers: (it) => ({ servers: [it] }),
      clockSet: (ms) => ({ ms }),
      stickMount: (device) => ({ write: true, device }),
      stickUnmount: (path) => ({ path }),
      networkApply: (it) => ({ ports: [{ interface: it, address: '10.0.0.1/8' }], confirmWithinMs: 5_000, by: 'x' }),
      networkConfirm: (it) => ({ it }),
      networkRevert: (it) => ({ it }),
      networkShow: (it) => ({ it }),
      reboot: (it) => ({ it }),
      powerOff: (it) => ({ it }),
      factoryReset: (it) => ({ keep: it, overwrite: it, despiteUpdate: it }),
      settingsWrite: (path) => ({ text: 'version: 1\n', by: 'x', path }),
    }
    expect(Object.keys(fields).toSorted()).toEqual(VERBS.map((it) => it.name).toSorted())
    for (const [verb, input] of Object.entries(fields))
      for (const it of evil) expect(await ask(verb, input(it)), `${verb} ${it.slice(0, 20)}`).toMatch(/^\{"error":\{"problems"/)
  })

  test('what is no request is refused, and the helper goes on', async () => {
    expect(await send('no json\n')).toContain('is no JSON')
    expect(await send('[]\n')).toContain('problems')
    expect(await send('{"verb":"networkShow","input":{},"more":1}\n')).toContain('problems')
    expect(await send('x'.repeat(6_000_000))).toBe('')
    expect((await site.host.networkShow()).by).toBe('ip')
    expect(helper.isRunning()).toBe(true)
  })

  test('who takes every place and drips, or leaves an answer lying, does not keep the console out', {
    timeout: 60_000,
  }, async () => {
    const sockets = Array.from({ length: 16 }, () => connect({ path: hostSocket(site.data), allowHalfOpen: true }))
    for (const [at, socket] of sockets.entries()) {
      socket.on('error', () => undefined).pause()
      socket.write(at % 2 === 0 ? '{' : '{"verb":"verbs","input":{}}\n')
    }
    const drip = setInterval(() => sockets.forEach((it, at) => at % 2 === 0 && it.writable && it.write(' ')), 1_000)
    try {
      await until('the console is let in', () => site.host.networkShow().catch(() => undefined), 30_000)
    } finally {
      clearInterval(drip)
      for (const it of sockets) it.destroy()
    }
  })

  test('settings are written only when they are right, and only over the settings file', async () => {
    await expect(site.host.settingsWrite('version: 1\nnonsense: 2\n', 'x')).rejects.toThrow('nonsense')
    expect(text()).toBe('version: 1\n')
    const more =
      'version: 1\nuplinks:\n  - name: cloud\n    kafka: { brokers: ["a:9093"], tls: {}, sasl: { mechanism: plain, user: u, password: { secret: cloud } } }\n'
    await site.host.settingsWrite(more, 'x')
    expect(text()).toBe(more)
  })

  test('settings are not written over an agent that is just putting others in force', async () => {
    const status = () => Promise.reject(new Unreachable('agent-restarting', 'new settings are being put in force'))
    const agent = await serveLocalApi(site.data, handMadeAgent({ status }), silent)
    const before = text()
    await expect(site.host.settingsWrite('version: 1\n# another\n', 'x')).rejects.toThrow('an agent runs')
    expect(text()).toBe(before)
    await agent.close()
  })

  test('a link that somebody laid where root writes is not followed', async () => {
    const target = join(site.dir, 'shadow')
    writeFileSync(target, 'root')
    symlinkSync(target, join(site.dir, 'settings.yaml.new'))
    await expect(site.host.settingsWrite('version: 1\n', 'x')).rejects.toThrow('ELOOP')
    expect(readFileSync(target, 'utf8')).toBe('root')
  })

  test('the state that it reads back is not believed: a path, an option in it change nothing', async () => {
    await helper.kill()
    mkdirSync(join(site.data, 'host'), { recursive: true })
    const had = [{ name: 'pa', up: true, addresses: ['-batch'], routes: [{ to: 'default', via: '1.2.3.4; id' }] }]
    const files = { '../../evil': 'x' }
    const pending = { ports: [{ interface: 'pa', address: '10.0.0.1/8' }], by: 'x', bootId: 'other', until: 0, files, had }
    writeFileSync(join(site.data, 'host', 'network.json'), JSON.stringify({ ports: [], pending }))
    helper = await site.start(net.inside)
    expect(net.addresses('pa')).toEqual(['10.77.0.2/24'])
    expect(existsSync(join(site.dir, 'evil'))).toBe(false)
    expect((await site.host.networkShow()).pending).toBeNull()
  })

  test('no secret comes out by any verb', async () => {
    // These two would be obeyed, where systemd runs.
    const harmless = VERBS.map((it) => it.name).filter((it) => it !== 'reboot' && it !== 'powerOff')
    const answers = await Promise.all(['verbs', ...harmless].map((it) => ask(it, {})))
    expect(answers.join('\n')).not.toContain(CANARY)
    expect(readFileSync(helper.logFile, 'utf8')).not.toContain(CANARY)
  })
})
