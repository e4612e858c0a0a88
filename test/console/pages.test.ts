// What the console makes of texts, addresses and settings, without a terminal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../prove/fast-check.ts'
import jsQR from 'jsqr'
import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { ascii, folded } from '../../src/console/ascii.ts'
import { bannerLines } from '../../src/console/banner.ts'
import { clock, timeOf } from '../../src/console/items/clock.ts'
import { codeLines, urlsOf } from '../../src/console/items/web-access.ts'
import { withPort } from '../../src/commands/network-settings.ts'
import type { Session } from '../../src/console/parts.ts'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { BadInput, Unreachable } from '../../src/core/errors.ts'
import { handMadeAgent, statusNow } from '../local-api/hand-made-agent.ts'
import { handMadeHost } from '../machine/hand-made-host.ts'

describe('a line of 7 bits', () => {
  test('any text becomes printable ASCII, and no order to the terminal', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[ -~]*$/.test(ascii(text))))
    expect(ascii('21.5 °C – größer als 3 µm\u001b[2J\u009b1m…')).toBe('21.5 degC - grosser als 3 um [2J 1m~')
  })

  test('a long line is folded, and no word of it is gone', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'bc', ' ') }), fc.integer({ min: 1, max: 90 }), (text, width) => {
        const pieces = folded(text, width)
        expect(pieces.every((it) => it.length <= width)).toBe(true)
        expect(pieces.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
      }),
    )
  })
})

describe('the banner', () => {
  const view = {
    device: 'hf-7f3a',
    version: '1.4.2',
    status: statusNow(),
    interfaces: [{ name: 'eth0', up: true, mac: '', addresses: ['10.20.1.40/24'], gateway: null }],
    fingerprint: Array.from({ length: 32 }, (_, at) => at.toString(16).padStart(2, '0'))
      .join(':')
      .toUpperCase(),
    claimCode: undefined,
  }

  test('says health, addresses and fingerprint; no reading, no name of a source', () => {
    const lines = bannerLines(view, Date.now() * 1000)
    expect(lines[0]).toBe('HOLDFAST  hf-7f3a  v1.4.2  ATTENTION')
    expect(lines.join('\n')).toContain(' eth0       up    10.20.1.40/24')
    expect(lines.join('\n').replaceAll(/\s+/g, '')).toContain('1E:1F')
    expect(lines.every((it) => it.length < 80)).toBe(true)
  })

  test('the claim code stands there until the box is claimed, and then no more', () => {
    expect(bannerLines({ ...view, claimCode: 'ABCD-EFGH' }, 0).join()).toContain('Claim code: ABCD-EFGH')
    expect(bannerLines(view, 0).join()).not.toContain('Claim code')
  })

  test('an agent that does not answer is a problem', () => {
    const lines = bannerLines({ ...view, version: '10.11.12-development', device: 'hf-0123456789ab', status: undefined }, 0)
    expect(lines.slice(0, 2)).toEqual([
      'HOLDFAST  hf-0123456789ab  v10.11.12-development  PROBLEM',
      ' ! the agent does not answer',
    ])
  })
})

describe('the code of an address', () => {
  test.each(['https://10.20.1.40', 'https://192.168.100.200', 'https://10.20.1.40:8443'])('%s: a phone reads it', (url) => {
    for (const isInverted of [true, false]) {
      const lines = codeLines(url, isInverted) ?? []
      expect(lines.length).toBeLessThanOrEqual(23)
      expect(lines.join('')).toMatch(/^[# ]*https:\/\/[ #a-z0-9.:/]*$/)
      expect(readCode(lines, url, isInverted)).toBe(url.toUpperCase())
    }
  })

  test('one that needs more lines than the screen has is not drawn', () => {
    expect(codeLines('https://holdfast-51b66ad11c44.local:8443', true)).toBeUndefined()
  })

  test('addresses of ports that are down are left out; IPv6 stands in brackets', () => {
    const port = { name: 'e', mac: '', gateway: null }
    const interfaces = [
      { ...port, up: true, addresses: ['10.0.0.1/8', 'fd00::1/64'] },
      { ...port, up: false, addresses: ['10.0.0.2/8'] },
    ]
    expect(urlsOf(interfaces, 443)).toEqual(['https://10.0.0.1', 'https://[fd00::1]'])
    expect(urlsOf(interfaces, 8443)[1]).toBe('https://[fd00::1]:8443')
  })
})

const { default: readPixels } = jsQR

/** By a reader that somebody else wrote, from the signs as a screen lights them. */
function readCode(lines: readonly string[], url: string, isInverted: boolean): string | undefined {
  const scale = 4
  const size = lines.length
  const side = size * scale
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255)
  const rows = lines.map((it) => it.replace(url, '').padEnd(size * 2))
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const isSign = rows[Math.floor(y / scale)]?.[Math.floor(x / scale) * 2] === '#'
      pixels.fill(isSign === isInverted ? 255 : 0, (y * side + x) * 4, (y * side + x) * 4 + 3)
    }
  return readPixels(pixels, side, side)?.data
}

describe('a port in the settings', () => {
  const SETTINGS = `version: 1
# the plant's side
network:
  ports:
    - { interface: eth0, zone: plant, address: 10.20.1.5/24 } # fixed by IT
    - { interface: wwan0, zone: uplink, apn: internet }
`
  test('takes the new address, keeps what else it says, and the comments', () => {
    const text = withPort(SETTINGS, { interface: 'eth0', address: '10.20.1.6/24', gateway: '10.20.1.1' })
    expect(text).toContain("# the plant's side")
    expect(text).toContain('# fixed by IT')
    expect(parse(text).network.ports).toEqual([
      { interface: 'eth0', zone: 'plant', address: '10.20.1.6/24', gateway: '10.20.1.1' },
      { interface: 'wwan0', zone: 'uplink', apn: 'internet' },
    ])
  })

  test('takes a zone where one is given', () => {
    const text = withPort(SETTINGS, { interface: 'eth0', zone: 'service', address: '10.20.1.6/24' })
    expect(parse(text).network.ports[0]).toEqual({ interface: 'eth0', zone: 'service', address: '10.20.1.6/24' })
  })

  test('one that is not named yet is added, also where there is no network at all', () => {
    const port = { interface: 'eth1', address: '10.30.0.5/24', dns: ['10.30.0.1'] }
    const entry = { ...port, zone: 'uplink' }
    expect(parse(withPort(SETTINGS, port)).network.ports[2]).toEqual(entry)
    expect(parse(withPort('version: 1\n', port)).network.ports).toEqual([entry])
    expect(parse(withPort('version: 1\nnetwork: { service: eth2 }\n', port)).network).toEqual({ service: 'eth2', ports: [entry] })
  })
})

test('a time is read exactly, and 30 February is none', () => {
  expect(timeOf('2026-11-29 14:05:07')).toBe(Date.UTC(2026, 10, 29, 14, 5, 7))
  expect(timeOf('2026-11-29 14:05')).toBe(Date.UTC(2026, 10, 29, 14, 5))
  for (const text of ['2026-02-30 00:00', 'now', '', '14:05']) expect(() => timeOf(text), text).toThrow(BadInput)
})

describe('time servers that are typed here', () => {
  const SETTINGS = 'version: 1\ntime: { servers: [ old.example ] } # of the plant\n'
  const WANTED = SETTINGS.replace('old.example', 'a.example, b.example')

  /** What the helper was told, and what was printed. */
  async function typed(agent: AgentApi) {
    const dir = mkdtempSync(join(tmpdir(), 'hf-clock-'))
    const settingsFile = join(dir, 'settings.yaml')
    writeFileSync(settingsFile, SETTINGS)
    const [told, printed]: [unknown[], string[]] = [[], []]
    const answers = ['n', 'a.example b.example']
    const terminal = {
      print: async (lines: readonly string[]) => void printed.push(...lines),
      ask: async () => answers.shift() ?? '',
      during: (work: (signal: AbortSignal) => Promise<unknown>) => work(new AbortController().signal),
    }
    const host = {
      ...handMadeHost(),
      clockServers: async (servers: readonly string[]) => void told.push(servers),
      settingsWrite: async (text: string) => void told.push(text),
    }
    const parts = { agent, host, settingsFile, access: { audit: () => undefined } }
    const session = { terminal, parts, person: { name: 'anna' }, verbs: ['clockServers', 'settingsWrite'] }
    await clock.run(session as unknown as Session)
    rmSync(dir, { recursive: true })
    return { told, printed }
  }

  test('are in force at once, and stand in the settings', async () => {
    const applied: unknown[] = []
    const now = await handMadeAgent().settings()
    const agent = handMadeAgent({
      settings: async () => ({ ...now, text: SETTINGS, system: { ports: [], timeServers: ['old.example'] } }),
      settingsApply: async ({ text, by }) => (applied.push([text, by]), now),
    })
    const { told, printed } = await typed(agent)
    expect(told).toEqual([['a.example', 'b.example']])
    expect(applied).toEqual([[WANTED, 'anna']])
    expect(printed.slice(-2)).toEqual(['set', 'The settings say so too.'])
  })

  test('and where no agent runs, the helper writes them there', async () => {
    const away = () => Promise.reject(new Unreachable('agent-unreachable', 'nobody answers'))
    const { told, printed } = await typed(handMadeAgent({ status: away, settings: away }))
    expect(told).toEqual([['a.example', 'b.example'], WANTED])
    expect(printed.at(-1)).toBe('The settings say so too.')
  })
})
