// A technician's whole job at the serial line: with agent and panel running, and once more with both stopped.
// The ports that are set stand in a namespace, the stick is a loop device. Needs root and iproute2.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { openAccess } from '../../src/access/index.ts'
import type { Issued } from '../access/authority.ts'
import { authority } from '../access/authority.ts'
import { hostSite } from '../machine/host-process.ts'
import type { Namespace } from '../machine/namespace.ts'
import { canHaveNamespaces, namespace } from '../machine/namespace.ts'
import type { Child } from '../run/child.ts'
import { until } from '../route/until.ts'
import type { Line } from './pty.ts'
import { badBytes, openLine, ROWS } from './pty.ts'
import type { Box, LoopStick } from './site.ts'
import { ADMIN, loopStick, openBox, PASSWORD, TECHNICIAN } from './site.ts'

const CHOICE = 'Choice (- is not on this system): '
const BACK = 'Enter: menu '

const can = canHaveNamespaces()
if (!can) console.warn("SKIPPED: a technician's job at the console needs root and iproute2")

describe.skipIf(!can)("a technician's job", () => {
  let box: Box
  let net: Namespace
  let stick: LoopStick | undefined
  let helper: Child
  let mountPoint: string
  const running: { end(): Promise<void> }[] = []

  beforeAll(async () => {
    box = await openBox()
    net = namespace()
    stick = loopStick(box.site.dir)
    mountPoint = join(box.site.dir, 'stick')
    mkdirSync(mountPoint)
    const more = ['--stick-dir', mountPoint, ...(stick ? ['--stick-device', stick.device] : [])]
    helper = await hostSite({ dir: box.site.dir, data: box.site.data }).start(net.inside, more)
    running.push(await box.startAgent(), await box.startPanel())
  }, 400_000)
  afterAll(async () => {
    for (const it of running) await it.end()
    await helper?.end()
    stick?.close()
    net?.close()
    await box?.close()
  })

  const open = (): Line => {
    const { data, settings, dir } = box.site
    const args = ['--data', data, '--settings', settings, '--panel-port', String(box.panelPort)]
    const log = ['--agent-log', join(dir, 'agent.log')]
    return openLine([...args, ...log, ...(stick ? [] : ['--stick', mountPoint])])
  }
  const withStick = <T>(use: () => T, how: 'ro' | 'rw'): T => {
    if (stick) execFileSync('mount', ['-o', how, stick.device, mountPoint])
    try {
      return use()
    } finally {
      if (stick) execFileSync('umount', [mountPoint])
    }
  }
  const readFromStick = (name: string) => withStick(() => readFileSync(join(mountPoint, name), 'utf8'), 'ro')
  const putOnStick = (issued: Issued, other: Issued): void =>
    withStick(() => {
      writeFileSync(join(mountPoint, 'box.crt'), issued.cert)
      writeFileSync(join(mountPoint, 'box.key'), issued.key)
      writeFileSync(join(mountPoint, 'other.key'), other.key)
    }, 'rw')
  const onStick = (): string[] => withStick(() => readdirSync(mountPoint), 'ro')

  test('agent and panel run', { timeout: 300_000 }, async () => {
    const line = open()
    const banner = await line.see('Name (or: reset')
    expect(banner).toContain('HOLDFAST  hf-7f3a  v')
    expect(banner).toMatch(/https SHA256 ([0-9A-F]{2}:){15}/)
    expect(banner).not.toContain(box.claimCode)
    await logIn(line)
    await job(line, { status: /press-3 modbus-tcp up/, note: 'The settings say so too.', password: 'four others by chance' })
    await leave(line)
    await outcome(box, net, '10.88.0.5/24', 'four others by chance')
    await until('the page is served with the new certificate', async () => (await shown(box.panelPort)) === served(box))
    expect(onStick().filter((it) => /diagnostics.*\.tar\.gz$|settings\.yaml$|\.holdfast$|\.hfx/.test(it)).length).toBeGreaterThan(
      2,
    )
  })

  test('agent and panel are stopped', { timeout: 300_000 }, async () => {
    for (const it of running.splice(0)) await it.end()
    const line = open()
    expect(await line.see('Name (or: reset')).toContain(' ! the agent does not answer')
    await logIn(line)
    await job(line, {
      status: /agent does not answer.* 1 class, 1 source, 2 uplinks .*hf-7f3a process raw/,
      note: 'The settings say so too.',
      address: '10.88.0.6/24',
      password: 'and others once more',
    })
    await leave(line)
    await outcome(box, net, '10.88.0.6/24', 'and others once more')
    expect(onStick().filter((it) => /diagnostics/.test(it))).toHaveLength(2)
  })

  async function logIn(line: Line): Promise<void> {
    line.enter(TECHNICIAN)
    await line.see('Password: ')
    line.enter('not the password')
    expect(await line.see('Name (or: reset')).toContain('user or password is wrong')
    line.enter(TECHNICIAN)
    await line.see('Password: ')
    line.enter(PASSWORD)
    await line.see(CHOICE)
    expect(line.written()).not.toContain(PASSWORD)
  }

  async function job(
    line: Line,
    { status, note, password, address = '10.88.0.5/24' }: { status: RegExp; note: string; password: string; address?: string },
  ): Promise<void> {
    // Diagnose.
    expect((await item(line, 1)).replaceAll(/\s+/g, ' ')).toMatch(status)
    // An address: taken back, then kept.
    for (const answer of ['r', 'k']) {
      line.enter('2')
      await line.see('s: set an address, Enter: menu ')
      line.enter('s')
      const list = await line.see('(1-4, Enter: none): ')
      line.enter(String(/(\d)\) pa\s/.exec(list)?.[1]))
      await line.see('Address as 10.20.1.5/24')
      line.enter(address)
      await line.see('Gateway')
      line.enter('10.88.0.1')
      await line.see('Name servers')
      line.enter('')
      await line.see('Apply it now? (y/n) ')
      line.enter('y')
      await line.see('k: keep it, r: take it back now')
      expect(net.addresses('pa')).toEqual([address])
      line.enter(answer)
      const said = await line.see(BACK)
      expect(said).toContain(answer === 'k' ? note : 'taken back')
      if (answer === 'r') expect(net.addresses('pa')).not.toEqual([address])
      line.enter('')
      await line.see(CHOICE)
    }
    // Uplinks and the source.
    expect(await item(line, 3, ['1'])).toMatch(/cloud: all \d+ steps hold/)
    expect(await item(line, 3, ['2'])).toMatch(/hand: the test failed/)
    expect(await item(line, 4, line.written().includes('What can be seen without it') ? [] : ['t'])).toMatch(
      /press-3: all \d+ steps hold/,
    )
    await replaceCertificate(line)
    // What is taken along.
    expect(await item(line, 13, ['e'])).toMatch(/files, .* readings written|nothing more to write/)
    expect(await item(line, 13, ['b'])).toContain('settings.yaml')
    expect(await item(line, 10)).toMatch(/diagnostics-\d{8}T\d{6}\.tar\.gz/)
    // What this system does not have is said.
    expect(await item(line, 15)).toContain('not on this system: the helper offers no reset')
    for (const it of [11, 12]) expect(await item(line, it)).toContain('not on this system: no updater answers')
    // The admin has forgotten his password.
    line.enter('6')
    await line.see('Name: ')
    line.enter('hf-7f3a')
    await line.see('Claim code')
    line.enter(box.claimCode)
    await line.see('New password')
    line.enter(password)
    await line.see('The same again')
    line.enter(password)
    expect(await line.see(BACK)).toContain(`${ADMIN} has a new password`)
    line.enter('')
  }

  /** The wrong key first: nothing is changed. Then the right one. */
  async function replaceCertificate(line: Line): Promise<void> {
    const plant = await authority('Plant root')
    const [issued, other] = [await plant.issue({ name: 'box-7f3a.plant.example' }), await plant.issue()]
    putOnStick(issued, other)
    const before = served(box)
    expect(await item(line, 16, ['o', '1', '2'])).toMatch(/private key is of another certificate[^]*Nothing was changed/)
    expect(served(box)).toBe(before)
    expect(await item(line, 16, ['o', '1', '1'])).toMatch(
      /owner's certificate:[^]*for box-7f3a\.plant\.example[^]*served with it/,
    )
    expect(served(box)).toBe(new X509Certificate(issued.cert).fingerprint256)
    // What an authority is asked for can be taken along.
    expect(await item(line, 16, ['r'])).toMatch(/written: .*hf-7f3a\.csr/)
    expect(await plant.answer(readFromStick('hf-7f3a.csr'))).toContain('BEGIN CERTIFICATE')
  }

  /** Through an item to its end, by these answers to what it asks. */
  async function item(line: Line, number: number, answers: readonly string[] = []): Promise<string> {
    let seen = ''
    line.enter(String(number))
    const left = [...answers]
    for (;;) {
      const part = await line.see(/Enter: menu |Enter: none\)[: ]+|-- more: Enter; q: back --/, 120_000)
      seen += part
      const isEnd = part.endsWith(BACK) && left.length === 0
      line.enter(part.endsWith('--') ? '' : (left.shift() ?? ''))
      if (isEnd) break
    }
    await line.see(CHOICE)
    return seen
  }

  async function leave(line: Line): Promise<void> {
    await line.see('is logged out')
    expect(badBytes(line.written())).toEqual([])
    expect(line.linesAtOnce()).toBeLessThanOrEqual(ROWS)
    line.hangUp()
    await until('the console has ended', () => !line.isRunning())
  }
})

/** What lies there for the page: undefined where no owner has given any. */
function served({ site }: Box): string | undefined {
  const file = join(site.data, 'access', 'tls', 'owner.pem')
  return existsSync(file) ? new X509Certificate(readFileSync(file)).fingerprint256 : undefined
}

async function shown(port: number): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256
  socket.destroy()
  return fingerprint
}

async function outcome({ site }: Box, net: Namespace, address: string, password: string): Promise<void> {
  expect(net.addresses('pa')).toEqual([address])
  const text = readFileSync(site.settings, 'utf8')
  expect(text).toContain('# The press in hall 1.')
  expect(parse(text).network.ports).toMatchObject([{ interface: 'pa', address }])
  expect(existsSync(join(site.dir, 'network', '10-holdfast-pa.network'))).toBe(true)
  const access = await openAccess(site.data)
  await access.confirmPassword(ADMIN, password, { address: 'test' })
  expect(access.issues().map((it) => it.code)).toContain('admin-reset')
  const done = access.auditLatest(100).events.filter((it) => it.by === TECHNICIAN)
  for (const what of ['network revert', 'network confirm', 'certificate replace', 'certificate request'])
    expect(done.map((it) => it.what)).toContain(what)
  access.close()
}
