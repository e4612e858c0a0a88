import { expect, test } from 'vitest'
import { hostsOf } from '../../src/core/scan.ts'
import type { ScanRequest, ScanStep } from '../../src/core/scan.ts'
import { scanHost } from '../../src/workers/scan-host.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const never = new AbortController().signal
const held = [
  { name: 'press-3', protocol: 'askable', settings: { url: 'x.tcp://user@10.0.0.4:4840/path' } },
  { name: 'other', protocol: 'counter', settings: { host: '10.0.0.6' } },
]

function scanner() {
  return scanHost(() => held, silent, new URL('./protocols.ts', import.meta.url).href)
}

async function all(request: ScanRequest, scan = scanner()): Promise<ScanStep[]> {
  const steps: ScanStep[] = []
  for await (const it of scan(request, never)) steps.push(it)
  return steps
}

test('every host of a range is asked once; what fails, or throws out of a callback, is told and the rest goes on', async () => {
  const steps = await all({ address: '10.0.0.7/27' })
  expect(steps.map((it) => it.host).toSorted()).toEqual(Array.from({ length: 30 }, (_, at) => `10.0.0.${at + 1}`).toSorted())
  expect(steps.map((it) => it.done)).toEqual(steps.map((_, at) => at + 1))
  expect(steps.every((it) => it.all === 30)).toBe(true)
  const found = steps.flatMap((it) => it.found)
  expect(found).toHaveLength(14)
  expect(found).toContainEqual({ protocol: 'askable', address: '10.0.0.6:1', detail: 'even', entry: { host: '10.0.0.6' } })
  expect(steps.flatMap((it) => it.failed)).toEqual([{ protocol: 'askable', text: 'unlucky' }])
})

test('a host that a source of that protocol reads is left alone', async () => {
  const [step] = await all({ address: '10.0.0.4', protocol: 'askable' })
  expect(step).toMatchObject({ found: [], held: [{ protocol: 'askable', source: 'press-3' }] })
})

test('one scan at a time; one that was broken off makes way', async () => {
  const scan = scanner()
  const first = scan({ address: '10.0.0.0/22' }, never)[Symbol.asyncIterator]()
  await first.next()
  await expect(all({ address: '10.0.0.2' }, scan)).rejects.toMatchObject({ code: 'scan-running' })
  await first.return?.()
  expect(await all({ address: '10.0.0.2' }, scan)).toHaveLength(1)
})

test.each([
  [{ address: '10.0.0.0/21' }, /more than 1024 addresses/],
  [{ address: '10.0.0.2', protocol: 'counter' }, /counter cannot be scanned for/],
  [{ address: '10.0.0.2', protocol: 'nonsense' }, /there is no protocol "nonsense"/],
])('%j is refused with what is wrong', async (request, text) => {
  await expect(all(request)).rejects.toThrow(text)
})

test.each([
  ['10.20.1.40', ['10.20.1.40']],
  ['plc-3.hall.example', ['plc-3.hall.example']],
  ['fe80::1%eth0', ['fe80::1%eth0']],
  ['10.20.1.40/32', ['10.20.1.40']],
  ['10.20.1.41/31', ['10.20.1.40', '10.20.1.41']],
  ['255.255.255.255/30', ['255.255.255.253', '255.255.255.254']],
])('%s means %j', (address, hosts) => {
  expect(hostsOf(address)).toEqual(hosts)
})

test.each(['', '10.20.1', '10.20.1.256', '10.20.1.0/33', '10.20.1.0/x', '10.20.1.0/24/24', 'a b', '-x', 'plc/24', 'fe80::/120'])(
  '"%s" means nothing, and it is said why',
  (address) => {
    expect(hostsOf(address)).toEqual(expect.any(String))
  },
)
