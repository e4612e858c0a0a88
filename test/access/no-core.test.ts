// What knows passwords and secrets leaves no picture of its memory behind: every unit that runs the program allows no core.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const UNITS = join(import.meta.dirname, '../../systemd')
const running = readdirSync(UNITS, { recursive: true, encoding: 'utf8' })
  .filter((it) => statSync(join(UNITS, it)).isFile())
  .map((name) => ({ name, text: readFileSync(join(UNITS, name), 'utf8') }))
  .filter(({ text }) => /^ExecStart=.*application\/cli\.js (?:agent|panel|console|host|updater)\b/m.test(text))

test('agent, panel, both consoles and the helper of root', () => {
  expect(running.length).toBeGreaterThanOrEqual(5)
  expect(running.filter(({ text }) => !/^LimitCORE=0$/m.test(text)).map((it) => it.name)).toEqual([])
})
