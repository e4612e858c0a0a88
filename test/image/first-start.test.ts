// What root lays at a start in the agent's folder.
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EmptyBox } from './empty-box.ts'
import { emptyBox } from './empty-box.ts'

let box: EmptyBox
beforeEach(() => {
  box = emptyBox()
  writeFileSync(box.at('other'), 'of somebody else')
})
afterEach(() => box.remove())

test.each([
  ['prepare-state', 'identity.json', /^\{"id":"hf-[0-9a-f]{12}"\}\n$/],
  ['first-boot', 'settings.yaml', /^log: \{ bytesMax: 100MB \}$/m],
])('%s fills in %s, and no link that the agent laid leads it elsewhere', (name, file, content) => {
  for (const it of [`${file}.new`, file])
    symlinkSync(it === file ? box.at('nowhere') : box.at('other'), box.at(`state/agent/${it}`))
  box.run(name)
  expect(readFileSync(box.at('other'), 'utf8')).toBe('of somebody else')
  expect(lstatSync(box.at(`state/agent/${file}`)).isFile()).toBe(true)
  expect(readFileSync(box.at(`state/agent/${file}`), 'utf8')).toMatch(content)
})

test.each([
  ['prepare-state', 'identity.json', '{"id":"hf-7f3a"}\n'],
  ['first-boot', 'settings.yaml', 'version: 1\n'],
])('%s leaves %s alone where it is there', (name, file, content) => {
  writeFileSync(box.at(`state/agent/${file}`), content)
  box.run(name)
  expect(readFileSync(box.at(`state/agent/${file}`), 'utf8')).toBe(content)
})

test('what lies in the folder of the agent is given to it by its own name: a link leads to nobody', () => {
  symlinkSync(box.at('other'), box.at('state/agent/identity.json'))
  writeFileSync(box.at('bin/chown'), `#!/bin/sh\necho "$@" >> ${box.at('given')}\n`)
  box.run('prepare-state')
  const given = readFileSync(box.at('given'), 'utf8').split('\n')
  expect(given.filter((it) => it.includes('/state/agent/'))).toEqual([
    `-h holdfast-agent:holdfast ${box.at('state/agent/identity.json')}`,
  ])
})

test.each([
  ['four fifths of its partition', 990_000, '800MB'],
  ['as much as is there already, of a disk that was moved', 100_000, '901MB'],
])('the log begins with a bound of %s', (_, free, bytesMax) => {
  box.program('mountpoint', 'exit 0')
  box.program('stat', `case $3 in %b) echo 1000000 ;; %f) echo ${free} ;; %S) echo 1000 ;; esac`)
  box.run('first-boot')
  expect(readFileSync(box.at('state/agent/settings.yaml'), 'utf8')).toContain(`log: { bytesMax: ${bytesMax} }`)
})
