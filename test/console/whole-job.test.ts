// A technician's whole job on one box: two slots that are files, the real helper of root, the real updater with RAUC, agent and panel.
// Once with agent and panel running, from the claim on; once more, from a log-in, with both stopped. Needs root, iproute2 and RAUC.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { openAccess } from '../../src/access/index.ts'
import { authority } from '../access/authority.ts'
import { hostSite } from '../machine/host-process.ts'
import type { Namespace } from '../machine/namespace.ts'
import { canHaveNamespaces, namespace } from '../machine/namespace.ts'
import { freePort } from '../plant/helpers.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import type { Box } from '../update/box.ts'
import { box, canUpdate } from '../update/box.ts'
import type { Vendor } from '../update/signing.ts'
import { vendor } from '../update/signing.ts'
import type { Line } from './pty.ts'
import { badBytes, openLine, ROWS } from './pty.ts'
import { ADMIN, PASSWORD, startPanel, TECHNICIAN } from './site.ts'

const CHOICE = 'Choice (- is not on this system): '
const BACK = 'Enter: menu '
const MS_MAX = 120_000
const INSTALL = [
  ['11', 'Which (Enter: none): '],
  ['u', '(1-1, Enter: none): '],
  ['1', '(y/n) '],
] as const
const SETTINGS = 'version: 1\n# The press in hall 1.\ndevice: { id: hf-7f3a }\n'

const can = canHaveNamespaces() && canUpdate()
if (!can)
  console.warn('SKIPPED: the whole job at the console needs root, iproute2, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)("a technician's whole job", { timeout: 400_000 }, () => {
  let made: Vendor
  let it: Box
  let net: Namespace
  let helper: Child
  let panel: Child | undefined
  let panelPort: number
  let line: Line

  beforeAll(async () => {
    made = vendor()
    it = await box({ ca: made.ca, settings: SETTINGS, updaterArgs: ['--grace', '1s'] })
    net = namespace()
    helper = await hostSite(it).start(net.inside, [])
    panelPort = await freePort()
    await panelUp()
  }, 400_000)
  afterAll(async () => {
    line?.hangUp()
    await panel?.end()
    await helper?.end()
    net?.close()
    await it?.close()
    made?.close()
  })

  const stick = () => join(it.dir, 'stick')
  const settings = () => join(it.dir, 'settings.yaml')
  const open = () => {
    const places = ['--data', it.data, '--settings', settings(), '--stick', stick()]
    line = openLine([...places, '--panel-port', String(panelPort), '--agent-log', join(it.dir, 'agent.log')])
  }

  test('from the claim on, with agent and panel running', async () => {
    open()
    await claim()
    await diagnose(/HOLDFAST hf-7f3a OK .* accepted = delivered/)
    await setAddress('10.88.0.5/24')
    await replaceCertificate('box-1.plant.example')
    await refuseForeign()
    await update('2.0.0')
    await panelUp()
    open()
    await logIn(ADMIN)
    expect(it.running()).toMatchObject({ slot: 'B', version: '2.0.0' })
    await rollBack('1.0.0')
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
    await panelUp()
    open()
    await logIn(ADMIN)
    await outcome({ address: '10.88.0.5/24', name: 'box-1.plant.example', by: ADMIN })
    await logOut()
  })

  test('from a log-in, with agent and panel stopped', async () => {
    const access = await openAccess(it.data)
    await access.addUser({ name: TECHNICIAN, role: 'technician', password: PASSWORD }, { by: ADMIN, address: '10.0.0.1' })
    access.close()
    await stopped()
    open()
    expect(await logIn(TECHNICIAN)).toContain(' ! the agent does not answer')
    await diagnose(/agent does not answer/)
    await setAddress('10.88.0.6/24')
    await replaceCertificate('box-2.plant.example')
    await update('3.0.0')
    expect(it.running()).toMatchObject({ slot: 'B', version: '3.0.0' })
    await stopped()
    open()
    expect(await logIn(TECHNICIAN)).toContain(' ! the agent does not answer')
    await rollBack('1.0.0')
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
    await stopped()
    open()
    await logIn(TECHNICIAN)
    await outcome({ address: '10.88.0.6/24', name: 'box-2.plant.example', by: TECHNICIAN })
    await logOut()
  })

  /** Everything but the power: what systemd would start again. */
  async function stopped(): Promise<void> {
    await panel?.end()
    panel = undefined
    await it.agentChild()?.end()
  }
  async function panelUp(): Promise<void> {
    panel = await startPanel(it.dir, it.data, panelPort)
  }
  async function claim(): Promise<void> {
    const banner = await line.see('Name (or: claim): ', MS_MAX)
    line.enter('claim')
    const answers = [String(/Claim code: (\S+)/.exec(banner)?.[1]), ADMIN, PASSWORD, PASSWORD]
    for (const [at, asked] of ['Claim code: ', 'Name of the admin: ', 'New password', 'The same again'].entries()) {
      await line.see(asked, MS_MAX)
      line.enter(answers[at] as string)
    }
    await line.see(CHOICE, MS_MAX)
  }
  async function logIn(name: string): Promise<string> {
    const banner = await line.see('Name (or: reset', MS_MAX)
    line.enter(name)
    await line.see('Password: ', MS_MAX)
    line.enter(PASSWORD)
    await line.see(CHOICE, MS_MAX)
    return banner
  }
  /** What is typed, and what has to stand there before it. */
  async function through(steps: readonly (readonly [typed: string, seen: string | RegExp])[]): Promise<string> {
    let last = ''
    for (const [typed, seen] of steps) {
      line.enter(typed)
      last = await line.see(seen, MS_MAX)
    }
    return last
  }
  async function toMenu(): Promise<void> {
    line.enter('')
    await line.see(CHOICE, MS_MAX)
  }

  async function diagnose(expected: string | RegExp): Promise<void> {
    line.enter('1')
    let seen = ''
    while (!seen.endsWith(BACK)) {
      seen += await line.see(/Enter: menu |-- more: Enter; q: back --/, MS_MAX)
      if (!seen.endsWith(BACK)) line.enter('')
    }
    expect(seen.replaceAll(/\s+/g, ' ')).toMatch(expected)
    await toMenu()
  }

  async function setAddress(address: string): Promise<void> {
    const list = await through([
      ['2', 's: set an address, Enter: menu '],
      ['s', '(1-4, Enter: none): '],
    ])
    const said = await through([
      [String(/(\d)\) pa\s/.exec(list)?.[1]), 'Address as 10.20.1.5/24'],
      [address, 'Gateway'],
      ['10.88.0.1', 'Name servers'],
      ['', 'Apply it now? (y/n) '],
      ['y', 'k: keep it, r: take it back now'],
      ['k', BACK],
    ])
    expect(said).toContain('The settings say so too.')
    await toMenu()
  }

  async function replaceCertificate(name: string): Promise<void> {
    const issued = await (await authority('Plant root')).issue({ name })
    writeFileSync(join(stick(), 'box.crt'), issued.cert)
    writeFileSync(join(stick(), 'box.key'), issued.key)
    const said = await through([
      ['16', 'Which (Enter: none): '],
      ['o', '(1-1, Enter: none): '],
      ['1', '(1-1, Enter: none): '],
      ['1', BACK],
    ])
    expect(said).toContain('The page is served with it')
    await toMenu()
  }

  /** What a stranger has signed is refused, and nothing starts anew. */
  async function refuseForeign(): Promise<void> {
    const [file, boots] = [join(stick(), 'foreign.raucb'), it.boots()]
    copyFileSync(made.bundle({ version: '6.0.0', signer: 'stranger' }), file)
    expect(await through([...INSTALL, ['y', BACK]])).toContain('refused: the bundle is refused')
    expect(it.boots()).toBe(boots)
    rmSync(file)
    await toMenu()
  }

  async function update(version: string): Promise<void> {
    copyFileSync(made.bundle({ version }), join(stick(), 'update.raucb'))
    // This box is up again so soon that nobody may have looked while it was down.
    const ended = await through([...INSTALL, ['y', /starts anew|(good|refused|failed|fell-back): .*\r/]])
    expect(ended, `${line.screen().join('\n')}\n${it.log().slice(-3_000)}`).toMatch(/starts anew|good: /)
    await wentDown()
    await it.sees(
      `${version} stays`,
      (now) => now.version === version && now.job === null && now.last?.outcome === 'good',
      MS_MAX,
    )
  }

  async function rollBack(version: string): Promise<void> {
    const other = await through([
      ['12', 'Name: '],
      ['another', BACK],
    ])
    expect(other).toContain('nothing was done')
    await toMenu()
    await through([
      ['12', 'Name: '],
      ['hf-7f3a', 'starts anew with the other slot'],
    ])
    await wentDown()
    await it.sees(`${version} runs again`, (now) => now.version === version && now.job === null, MS_MAX)
  }

  /** The console and the panel end with the system that they run on. */
  async function wentDown(): Promise<void> {
    expect(badBytes(line.written())).toEqual([])
    line.hangUp()
    await until('the console has ended', () => !line.isRunning())
    await panel?.end()
    panel = undefined
  }

  async function logOut(): Promise<void> {
    line.enter('0')
    await line.see('is logged out', MS_MAX)
    await line.see('Name (or: reset', MS_MAX)
    expect(badBytes(line.written())).toEqual([])
    expect(line.linesAtOnce()).toBeLessThanOrEqual(ROWS)
    line.hangUp()
    await until('the console has ended', () => !line.isRunning())
  }

  /** All that was set outlives the update and the way back, and stands in the list of what was done. */
  async function outcome({ address, name, by }: { address: string; name: string; by: string }): Promise<void> {
    expect(net.addresses('pa')).toEqual([address])
    const text = readFileSync(settings(), 'utf8')
    expect(text).toContain('# The press in hall 1.')
    expect(parse(text).network.ports).toMatchObject([{ interface: 'pa', address }])
    const served = new X509Certificate(readFileSync(join(it.data, 'access', 'tls', 'owner.pem')))
    expect(served.subjectAltName).toContain(name)
    const access = await openAccess(it.data)
    const done = access.auditLatest(200).events.filter((event) => event.by === by)
    access.close()
    expect(done.map((event) => event.what)).toEqual(
      expect.arrayContaining(['network', 'network confirm', 'certificate replace', 'update install', 'update rollback']),
    )
  }
})
