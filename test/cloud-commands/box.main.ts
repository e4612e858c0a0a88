// A box that does commands and nothing else: the real journal, the real lanes, a real Modbus source. Ended by SIGKILL whenever a test likes.
// One argument, JSON: { dir, port, commands: [text of a record], every }
import { mkdirSync } from 'node:fs'
import { openJournal } from '../../src/cloud-commands/journal.ts'
import { writeKind } from '../../src/cloud-commands/kinds/write.ts'
import { parseCommand } from '../../src/cloud-commands/parse.ts'
import { refusalEvents, runCommands } from '../../src/cloud-commands/run.ts'
import type { Control } from '../../src/core/cloud-command.ts'
import { Unreachable } from '../../src/core/errors.ts'
import { createModbusTcp } from '../../src/sources/modbus/protocols.ts'
import { modbusTcpSettings } from '../../src/sources/modbus/settings.ts'
import { contextOf } from '../sources/modbus/help.ts'

const { dir, port, commands } = JSON.parse(process.argv[2] ?? '') as { dir: string; port: number; commands: string[] }
const tags = [
  { tag: 'setpoint', register: 'holding:10', type: 'float32', class: 'c' },
  { tag: 'mode', register: 'holding:20', type: 'uint16', class: 'c' },
]
const own = modbusTcpSettings.parse({ host: '127.0.0.1', port, every: '1s', timeout: '3s', tags })
const writes = [{ tag: 'setpoint', min: 0, max: 100, changeMax: 50, everyMs: 0 }]
const source = createModbusTcp().open(own, contextOf('press'))
const log = { debug() {}, info() {}, warn() {}, error: (fields: object, text: string) => console.error(text, fields) }
mkdirSync(dir, { recursive: true })
const journal = openJournal(dir, (why) => console.error(why))
const now = () => Date.now() * 1000
const nothing = () => Promise.reject(new Unreachable('none', 'this box writes only'))
const none = { run: nothing, resume: nothing }
const write = writeKind({
  sources: () => [{ name: 'press', protocol: 'modbus-tcp', settings: own, writes }],
  control: () => source.control as Control,
  begunAt: journal.begunAt,
})
const found = commands.map((it, n) => parseCommand(it, `t/0@${n}`, ['write']))
const place = { cluster: 'c', partitions: { 0: found.length } }
journal.take('cloud', 't', place, found, now(), refusalEvents('cloud', now(), true))
const kinds = { push: none, replay: none, settings: none, write }
runCommands({ journal, kinds, now, isTrusted: () => true, log }, new AbortController().signal)
process.stdout.write('ready\n')
