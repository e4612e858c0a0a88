// What images are made of, as far as no image is needed to see it.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { closureOf, isNeeded } from '../../images/closure.ts'
import { parseSettings } from '../../src/settings/read.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { promptOf } from './firmware.ts'

const root = join(import.meta.dirname, '../..')
const text = (path: string) => readFileSync(join(root, path), 'utf8')
const units = new Set(readdirSync(join(root, 'systemd')).filter((it) => /\.(service|timer|path)$/.test(it)))
const filesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => join(it.parentPath, it.name))

/** What images ask of every board; two more may be empty. */
const NAMES =
  'architecture node_cpu boot_packages grub_target boot_file elf_machine tools strip consoles qemu qemu_machine firmware'
const FACTS = NAMES.split(' ')

test.each(readdirSync(join(root, 'hardware')))('what images ask of a board, and its wiring, is stated: %s', (board) => {
  const script = '. "$0"; for it; do printf "%s: %s\\n" "$it" "${!it}"; done'
  const args = ['-euc', script, `hardware/${board}/facts.sh`, ...FACTS, 'tools_absent', 'firmware_memory']
  const stated = execFileSync('bash', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  for (const it of FACTS) expect(stated).toMatch(new RegExp(`^${it}: .`, 'm'))
  for (const it of ['## Flash', '## Wiring', '## Serial pin-out']) expect(text(`hardware/${board}/README.md`)).toContain(it)
})

test("what is typed at a firmware's prompt before tests boot is what the board's guide says", () => {
  for (const firmware of ['uefi', 'u-boot']) {
    const settings = promptOf('arm64-uefi', firmware)?.settings ?? []
    expect(settings.length, firmware).toBe(firmware === 'uefi' ? 0 : 5)
    expect(text('hardware/arm64-uefi/README.md')).toContain(settings.map((it) => `    ${it}\n`).join(''))
  }
  expect(promptOf('x86-64-uefi')).toBeUndefined()
})

describe('units', () => {
  test('each program that one starts is on the device', () => {
    const built = new Set(['node', 'application/cli.js', 'application/zones.js'])
    const named = [
      ...units,
      ...readdirSync(join(root, 'systemd'))
        .filter((it) => it.endsWith('.d'))
        .map((it) => `${it}/holdfast.conf`),
    ]
    const programs = named.flatMap((it) => text(`systemd/${it}`).match(/\/usr\/lib\/holdfast\/[\w./-]+/g) ?? [])
    expect(programs.length).toBeGreaterThan(8)
    for (const it of programs) {
      const isBuilt = built.has(it.replace('/usr/lib/holdfast/', ''))
      expect(isBuilt || existsSync(join(root, 'rootfs', it)), it).toBe(true)
    }
  })

  test('each unit of ours that one names is there', () => {
    const named = [...units].flatMap((it) => text(`systemd/${it}`).match(/holdfast-[\w-]+\.(service|timer|path)/g) ?? [])
    for (const it of named) expect(units.has(it), it).toBe(true)
  })

  test('whoever makes diagnostics may read the journal, and nobody else', () => {
    const faces = ['holdfast-panel.service', 'getty@.service.d/holdfast.conf', 'serial-getty@.service.d/holdfast.conf']
    for (const it of faces) expect(text(`systemd/${it}`), it).toMatch(/^SupplementaryGroups=systemd-journal$/m)
    for (const it of [...units].filter((name) => !faces.includes(name)))
      expect(text(`systemd/${it}`), it).not.toContain('systemd-journal')
  })

  test('what runs models sees no socket but its own, and unpacks to where programs may lie', () => {
    const unit = text('systemd/holdfast-models.service')
    expect(unit).toMatch(/^User=holdfast-models\nGroup=holdfast-models$/m)
    expect(unit).not.toContain('SupplementaryGroups')
    const hidden = [...unit.matchAll(/^TemporaryFileSystem=(.*)$/gm)].flatMap((it) => it[1]?.split(' ') ?? [])
    expect(hidden).toEqual(expect.arrayContaining(['/data:ro', '/state:ro', '/run/holdfast:ro']))
    const into = /--unpack-to (\S+)/.exec(unit)?.[1]
    expect(hidden.find((it) => it.startsWith(`${into}:`))).not.toMatch(/\bro\b|noexec/)
    expect(text('rootfs/usr/lib/sysusers.d/holdfast.conf')).not.toMatch(/^m holdfast-models/m)
  })

  test('no log-in is left where a shell could be', () => {
    for (const it of ['getty@', 'serial-getty@']) {
      const unit = text(`systemd/${it}.service.d/holdfast.conf`)
      expect(unit).toMatch(/^ExecStart=\nExecStart=.* console /m)
      // Else what is typed while it starts ends it.
      expect(unit).toMatch(/^StandardInput=file:\/dev\/%I\nStandardOutput=file:\/dev\/%I$/m)
    }
    for (const it of ['emergency', 'rescue']) {
      const unit = text(`systemd/${it}.service.d/holdfast.conf`)
      expect(unit).toMatch(/^ExecStart=\nExecStart=.*reboot/m)
      expect(unit).not.toContain('sulogin')
    }
  })
})

test('programs of the device can be run, and its shell scripts stop at the first error', () => {
  for (const it of [...filesOf('rootfs/usr/lib/holdfast'), join(root, 'rootfs/usr/bin/holdfast')]) {
    expect(statSync(it).mode & 0o111, it).toBe(0o111)
    if (!it.endsWith('boot-deadline') && !it.endsWith('bin/holdfast'))
      expect(readFileSync(it, 'utf8'), it).toContain('\nset -eu\n')
  }
})

test('no private key but the one for development stands in the tree of images', () => {
  const keys = [...filesOf('images'), ...filesOf('rootfs'), ...filesOf('hardware')].filter((it) =>
    /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}/.test(readFileSync(it, 'latin1')),
  )
  expect(keys.map((it) => it.slice(root.length + 1))).toEqual(['images/keys/development.key.pem'])
})

test('the settings that a box begins with are right, and their bound is where the first boot looks for it', () => {
  const file = 'rootfs/etc/holdfast/settings.yaml'
  const checked = parseSettings(text(file), file, {
    schemas: settingsSchemas,
    secrets: { get: () => undefined },
    deviceId: 'hf-7f3a',
  })
  expect(checked.settings.log.bytesMax).toBe(100_000_000)
  expect(text('rootfs/usr/lib/holdfast/first-boot')).toContain('s/bytesMax: [^ ]*/')
  expect(checked.settings.sources).toEqual([])
})

test('the boot loader has no entry that could be chosen, and asks for a user that nobody can be', () => {
  const script = text('images/grub.cfg')
  expect(script).toMatch(/^set superusers="nobody"\nexport superusers$/m)
  expect(script).not.toMatch(/menuentry|password/)
  for (const it of [script, text('rootfs/boot/options.cfg')])
    expect(it).toMatch(/^set options="(.* )?panic=10 .*sysctl\.kernel\.sysrq=0/m)
})

test('the data partition of the image is the one that grows, and no other', () => {
  const type = /^Type=(.*)$/m.exec(text('rootfs/usr/lib/repart.d/50-data.conf'))?.[1]
  const lines = text('images/genimage.cfg')
    .split('\n')
    .filter((it) => it.includes(type ?? '?'))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('partition data')
  expect(readdirSync(join(root, 'rootfs/usr/lib/repart.d'))).toEqual(['50-data.conf'])
})

describe('packages beside the bundle', () => {
  const packages = {
    'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { c: '1' } },
    'node_modules/a/node_modules/b': { dependencies: { d: '1' } },
    'node_modules/b': {},
    'node_modules/d': {},
  }
  test('are those that Node would find, and what they need', () => {
    expect(closureOf({ packages }, ['a'])).toEqual(['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/d'])
  })
  test('one that the lock file lacks is an error that names it', () => {
    expect(() => closureOf({ packages }, ['e'])).toThrow('package-lock.json has no e')
  })
  test('go without what is for other systems, for tests or for a compiler; their licences go along', () => {
    const needed = [
      'index.js',
      'lib/test.js',
      'LICENSE.md',
      'docs/license',
      'prebuilds/linux-x64/a.glibc.node',
      'prebuilds/linux-x64.node',
    ]
    const others = [
      'README.md',
      'test/a.js',
      'lib/docs/a.js',
      'src/a.cpp',
      'prebuilds/linux-x64/a.musl.node',
      'prebuilds/linux-arm64.node',
    ]
    expect([...needed, ...others].filter((it) => isNeeded(it, 'x64'))).toEqual(needed)
  })
})
