// What root lays at a start in the agent's folder, run in a folder in place of the box's own, without the box's users and mounts.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const rootfs = join(import.meta.dirname, '../../rootfs')
/** Owners are left as they are; `install` makes its folder all the same. */
const STANDINS = {
  chown: ':',
  install: 'for it; do :; done; mkdir -p "$it"',
  mountpoint: 'exit 1',
  'grub-editenv': 'echo machine_id=1',
}

let dir: string
const at = (path: string) => join(dir, path)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-start-'))
  for (const it of ['state/agent', 'bin', 'proc/sys/kernel']) mkdirSync(at(it), { recursive: true })
  symlinkSync('state/agent', at('data'))
  for (const [name, text] of Object.entries(STANDINS)) writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  writeFileSync(at('other'), 'of somebody else')
})
afterEach(() => rmSync(dir, { recursive: true }))

function run(name: string): void {
  const script = readFileSync(join(rootfs, 'usr/lib/holdfast', name), 'utf8')
    .replaceAll(/(?<![\w"$}])\/(state|data|run|proc)\b/g, `${dir}/$1`)
    .replaceAll(/(?<![\w"$}])\/etc\/holdfast\b/g, join(rootfs, 'etc/holdfast'))
    .replaceAll('"/state', `"${dir}/state`)
  execFileSync('/bin/sh', ['-c', script], { env: { PATH: `${at('bin')}:${process.env['PATH']}` } })
}

test.each([
  ['prepare-state', 'identity.json', /^\{"id":"hf-[0-9a-f]{12}"\}\n$/],
  ['first-boot', 'settings.yaml', /^log: \{ bytesMax: 100MB \}$/m],
])('%s fills in %s, and no link that the agent laid leads it elsewhere', (name, file, content) => {
  for (const it of [`${file}.new`, file]) symlinkSync(it === file ? at('nowhere') : at('other'), at(`state/agent/${it}`))
  run(name)
  expect(readFileSync(at('other'), 'utf8')).toBe('of somebody else')
  expect(lstatSync(at(`state/agent/${file}`)).isFile()).toBe(true)
  expect(readFileSync(at(`state/agent/${file}`), 'utf8')).toMatch(content)
})

test.each([
  ['prepare-state', 'identity.json', '{"id":"hf-7f3a"}\n'],
  ['first-boot', 'settings.yaml', 'version: 1\n'],
])('%s leaves %s alone where it is there', (name, file, content) => {
  writeFileSync(at(`state/agent/${file}`), content)
  run(name)
  expect(readFileSync(at(`state/agent/${file}`), 'utf8')).toBe(content)
})
