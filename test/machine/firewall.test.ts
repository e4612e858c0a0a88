// The image's own rules, laid by the real nft in a namespace: who comes in from a port of each zone, before and after the settings open one more.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetworkPort } from '../../src/core/host.ts'
import { nftText, openOf, zonesOf } from '../../src/machine/zones.ts'
import type { Namespace } from './namespace.ts'
import { canHaveNamespaces, deskBefore, namespace } from './namespace.ts'

const RULES = new URL('../../rootfs/etc/nftables.conf', import.meta.url).pathname
const ADDRESS = '10.77.0.2'
const LISTENING = [443, 8460, 8461]
const SERVERS = `for (const port of ${JSON.stringify(LISTENING)}) require('node:net').createServer((it) => it.end()).listen(port, '${ADDRESS}', () => console.log(port))`
/** Rules drop what they do not let in: silence is the answer. */
const CALLS = `for (const port of ${JSON.stringify(LISTENING)}) {
  const call = require('node:net').connect({ host: '${ADDRESS}', port, timeout: 1500 })
  call.on('connect', () => (console.log(port), call.destroy())).on('timeout', () => call.destroy())
}`

const seen = ['pa', 'pb'].map((name) => ({ name, isBuiltIn: true, isWireless: false }))

function run(where: readonly string[], words: readonly string[], input = ''): string {
  const [program = '', ...args] = [...where, ...words]
  return execFileSync(program, args, { input, encoding: 'utf8' })
}
function served(inside: readonly string[]) {
  const [command = '', ...words] = [...inside, process.execPath, '-e', SERVERS]
  return spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
}

const can = canHaveNamespaces()
if (!can) console.warn('SKIPPED: the firewall is not tested, for that needs root and iproute2')

describe.skipIf(!can)('the firewall of the image (needs root and iproute2)', () => {
  let net: Namespace
  let desk: ReturnType<typeof deskBefore>
  let servers: ReturnType<typeof served>

  const lay = (set: readonly NetworkPort[]) => run(net.inside, ['nft', '-f', '-'], nftText(zonesOf(seen, set)))

  function reached(): number[] {
    return run(desk.inside, [process.execPath, '-e', CALLS])
      .split('\n')
      .filter(Boolean)
      .map(Number)
      .toSorted((a, b) => a - b)
  }

  beforeAll(async () => {
    net = namespace()
    desk = deskBefore(net)
    servers = served(net.inside)
    for (let up = ''; up.split('\n').length <= LISTENING.length; )
      up += String(((await once(servers.stdout, 'data')) as [Buffer])[0])
    expect(reached()).toEqual(LISTENING)
    run(net.inside, ['nft', '-f', RULES])
  })
  afterAll(async () => {
    servers.kill()
    await once(servers, 'exit')
    desk.close()
    net.close()
  })

  const pa = (more: Partial<NetworkPort>): NetworkPort[] => [{ interface: 'pa', address: `${ADDRESS}/24`, ...more }]

  test('no zone and uplink let nobody in, plant and service to the page', () => {
    expect(reached()).toEqual([])
    lay(pa({ zone: 'uplink' }))
    expect(reached()).toEqual([])
    lay(pa({ zone: 'plant' }))
    expect(reached()).toEqual([443])
    lay(pa({ zone: 'service' }))
    expect(reached()).toEqual([443])
  })

  test('what the settings open on a port is reached on that one alone, until they close it', () => {
    lay(pa({ zone: 'plant', open: [8460] }))
    expect(reached()).toEqual([443, 8460])
    lay(pa({ zone: 'uplink', open: [8461] }))
    expect(reached()).toEqual([8461])
    const onOther: NetworkPort = { interface: 'pb', zone: 'uplink', address: '10.1.1.1/24', open: [8460, 8461] }
    lay([...pa({ zone: 'plant', open: [] }), onOther])
    expect(reached()).toEqual([443])
    expect(openOf(zonesOf(seen, [onOther]))).toEqual([
      { interface: 'pb', zone: 'uplink', port: 8460 },
      { interface: 'pb', zone: 'uplink', port: 8461 },
    ])
  })
})
