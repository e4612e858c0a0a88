// A write is sent once: the PLC's own account of it, over kill -9 between the request and its answer.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../../src/cloud-commands/journal.ts'
import type { CommandView } from '../../src/core/cloud-command.ts'
import { startDevice } from '../sources/modbus/help.ts'
import { until } from '../route/until.ts'

let dir: string
let writesTo: string
let port: number
let device: { stop(): Promise<void> } | undefined
let box: ChildProcess | undefined

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-write-'))
  writesTo = join(dir, 'writes')
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as net.AddressInfo).port
  server.close()
})

afterEach(async () => {
  await kill()
  await device?.stop()
  device = undefined
  rmSync(dir, { recursive: true, force: true })
})

/** Held: it answers no write until it may. */
async function plc(how: 'held' | 'free'): Promise<void> {
  const holdWhile = join(dir, 'hold')
  if (how === 'held') writeFileSync(holdWhile, '')
  else rmSync(holdWhile, { force: true })
  device = await startDevice(
    { tcp: port, writesTo, holdWhile },
    {
      1: {
        holding: [
          [10, [0, 0]],
          [20, [7]],
        ],
      },
    },
  )
}

function begin(...commands: readonly object[]): void {
  const expires = (Date.now() + 600_000) * 1000
  const texts = commands.map((it) => JSON.stringify({ kind: 'write', expires, ...it }))
  const asked = JSON.stringify({ dir: join(dir, 'data'), port, commands: texts })
  box = spawn(process.execPath, [join(import.meta.dirname, 'box.main.ts'), asked], { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function kill(): Promise<void> {
  const running = box
  box = undefined
  if (!running || running.exitCode !== null || running.signalCode !== null) return
  const gone = once(running, 'exit')
  running.kill('SIGKILL')
  await gone
}

const writes = () => (existsSync(writesTo) ? readFileSync(writesTo, 'utf8').trim().split('\n') : [])
const floats = () =>
  writes().map((line) => {
    const bytes = Buffer.alloc(4)
    const { values } = JSON.parse(line) as { values: number[] }
    for (const [n, it] of values.entries()) bytes.writeUInt16BE(it, n * 2)
    return bytes.readFloatBE()
  })

function commands(): CommandView[] {
  if (!existsSync(join(dir, 'data', 'commands', 'commands.db'))) return []
  const journal = openJournal(join(dir, 'data'), (why) => {
    throw why
  })
  try {
    return journal.list(100)
  } finally {
    journal.close()
  }
}

const ended = (id: string) => until(`the end of ${id}`, () => commands().find((it) => it.id === id && it.state === 'done'))

test('killed between the request and its answer: it is read back, and not sent again', async () => {
  await plc('held')
  begin({ id: 'one', tag: 'setpoint', value: 21.5 })
  await until('the PLC has heard it', () => writes().length > 0)
  await kill()
  expect(commands()).toMatchObject([{ id: 'one', state: 'begun' }])
  rmSync(join(dir, 'hold'))
  begin()
  expect(await ended('one')).toMatchObject({ answer: { result: 'done', detail: { from: 0, to: 21.5, read: 21.5 } } })
  expect(floats()).toEqual([21.5])
})

test('killed, and the PLC is another one meanwhile: unknown, with what was read', async () => {
  await plc('held')
  begin({ id: 'one', tag: 'setpoint', value: 21.5 })
  await until('the PLC has heard it', () => writes().length > 0)
  await kill()
  rmSync(join(dir, 'hold'))
  await device?.stop()
  await plc('free')
  begin()
  expect(await ended('one')).toMatchObject({
    answer: { result: 'unknown', code: 'write-unknown', detail: { to: 21.5, read: 0 } },
  })
  expect(floats()).toEqual([21.5])
})

test('what the limits, the list and the clock do not allow never reaches the PLC', async () => {
  await plc('free')
  begin(
    { id: 'low', tag: 'setpoint', value: -1 },
    { id: 'far', tag: 'setpoint', value: 60 },
    { id: 'text', tag: 'setpoint', value: 'high' },
    { id: 'other', tag: 'mode', value: 1 },
    { id: 'late', tag: 'setpoint', value: 5, expires: (Date.now() - 1_000) * 1000 },
    { id: 'good', tag: 'setpoint', value: 40 },
    // By then it may go further.
    { id: 'further', tag: 'setpoint', value: 90 },
    { id: 'good', tag: 'setpoint', value: 41 },
  )
  await ended('further')
  const codes = Object.fromEntries(commands().map(({ id, answer }) => [id, answer?.code ?? answer?.result]))
  expect(codes).toEqual({
    low: 'write-out-of-limits',
    far: 'write-out-of-limits',
    text: 'command-impossible',
    other: 'write-not-allowed',
    late: 'command-stale',
    good: 'done',
    further: 'done',
  })
  expect(floats()).toEqual([40, 90])
})
