// What a device turned out to be like is found once, kept on disk, and forgotten with the settings that it was found with.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createModbusTcp } from '../../../src/sources/modbus/protocols.ts'
import { modbusTcpSettings } from '../../../src/sources/modbus/settings.ts'
import type { Asked, Seen } from './help.ts'
import { addressesAsData, answerFrame, contextOf, exceptionFrame, serve, start, until } from './help.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-learned-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const HOLES = [40, 41, 90]
const touches = ({ from, count }: Asked, address: number) => from <= address && address < from + count
const withHoles = (asked: Asked) =>
  HOLES.some((it) => touches(asked, it)) ? exceptionFrame(asked, 2) : answerFrame(asked, addressesAsData(asked))

const tags = [{ tag: 'r{n}', register: 'holding:0', type: 'uint16', count: 300, class: 'process' }]
const settingsOf = (port: number, more: object = {}) =>
  modbusTcpSettings.parse({ host: '127.0.0.1', port, every: '50ms', tags, ...more })
const isWhole = (poll: readonly Seen[] | undefined, gone: readonly number[]) =>
  poll?.length === 300 &&
  poll.every((it) => {
    const number = Number(it.tag.slice(1))
    return gone.includes(number) ? it.status === 2 : it.value === BigInt(number)
  })

/** Runs until some polls are whole; yields the status at the end. */
async function run(answer: (asked: Asked) => Buffer, gone: readonly number[]) {
  const server = await serve(answer)
  const reading = start(createModbusTcp().open(settingsOf(server.port), { ...contextOf('m'), dir }))
  await until('whole polls', () => reading.polls.filter((it) => isWhole(it, gone)).length >= 3)
  const status = reading.source.status()
  await reading.stop()
  await server.stop()
  return status
}

/** The same server again and again: what is learned depends on its port. */
async function served(answer: (asked: Asked) => Buffer) {
  let now = answer
  const server = await serve((asked) => now(asked))
  const read = async (gone: readonly number[], more: object = {}, settled = 3) => {
    const from = server.requests.length
    const reading = start(createModbusTcp().open(settingsOf(server.port, more), { ...contextOf('m'), dir }))
    await until('whole polls', () => reading.polls.filter((it) => isWhole(it, gone)).length >= settled)
    const status = reading.source.status()
    await reading.stop()
    return { requests: server.requests.slice(from), status }
  }
  return { read, stop: server.stop, become: (other: (asked: Asked) => Buffer) => void (now = other) }
}

describe('addresses that are refused', () => {
  test('are searched for once; after a restart no refused address is asked for', async () => {
    const device = await served(withHoles)
    const first = await device.read(HOLES)
    const refusals = (list: readonly Asked[]) => list.filter((asked) => HOLES.some((it) => touches(asked, it)))
    expect(refusals(first.requests).length).toBeGreaterThan(3)
    expect(first.status).toMatchObject({ state: 'up', code: 'exception-2', details: { refusedTags: 3 } })
    const again = await device.read(HOLES)
    expect(refusals(again.requests)).toEqual([])
    expect(again.status).toMatchObject({ state: 'up', code: 'exception-2', details: { refusedTags: 3 } })
    await device.stop()
  })

  test('are forgotten when the settings change', async () => {
    const device = await served(withHoles)
    await device.read(HOLES)
    device.become((asked) => answerFrame(asked, addressesAsData(asked)))
    const other = await device.read([], { maxGap: 3 })
    expect(other.status).toMatchObject({ state: 'up', details: { refusedTags: 0, blocks: 3 } })
    await device.stop()
  })

  test('and come back when the device was away and has them now', async () => {
    let answer = withHoles
    const server = await serve((asked) => answer(asked))
    const reading = start(createModbusTcp().open(settingsOf(server.port, { timeout: '200ms' }), { ...contextOf('m'), dir }))
    await until('learned', () => reading.polls.filter((it) => isWhole(it, HOLES)).length >= 2)
    answer = (asked) => exceptionFrame(asked, 11)
    await until('down', () => reading.source.status().state === 'down')
    answer = (asked) => answerFrame(asked, addressesAsData(asked))
    await until('all are there', () => isWhole(reading.polls.at(-1), []), 40_000)
    await reading.stop()
    await server.stop()
  })

  test('a file that is damaged costs a search, no more', async () => {
    const device = await served(withHoles)
    await device.read(HOLES)
    const [name] = await readdir(dir)
    const file = join(dir, name as string)
    const text = await readFile(file, 'utf8')
    for (const damaged of ['', '{', text.slice(0, -9), text.replace('[40,2]', '[41,2]'), text.replace('[0,', '[-1,'), 'null']) {
      await writeFile(file, damaged)
      expect((await device.read(HOLES)).status).toMatchObject({ state: 'up', details: { refusedTags: 3 } })
    }
    await device.stop()
  })
})

test('what is refused once only is not searched for', async () => {
  let refusals = 0
  const device = await served((asked) =>
    asked.from === 125 && refusals++ === 0 ? exceptionFrame(asked, 2) : answerFrame(asked, addressesAsData(asked)),
  )
  const { status } = await device.read([])
  expect(status).toMatchObject({ state: 'up', details: { blocks: 3, refusedTags: 0 }, notes: { 'refused-once': 1 } })
  expect(status.code).toBeUndefined()
  await device.stop()
})

describe('a device that gives fewer registers at once', () => {
  test.each([2, 3])('is found out from exception %i, for all blocks, and remembered', async (exception) => {
    const device = await served((asked) =>
      asked.count > 50 ? exceptionFrame(asked, exception) : answerFrame(asked, addressesAsData(asked)),
    )
    const first = await device.read([])
    expect(first.status).toMatchObject({ state: 'up', details: { refusedTags: 0, blocks: 7, blockMaxLearned: 50 } })
    // One block was searched; the others had the limit already.
    expect(first.requests.filter((it) => it.count > 50 && it.from >= 125)).toEqual([])
    const again = await device.read([])
    expect(again.requests.filter((it) => it.count > 50)).toEqual([])
    expect(again.status).toMatchObject({ details: { blockMaxLearned: 50 } })
    await device.stop()
  })

  test('holes and a limit at once', async () => {
    const status = await run((asked) => (asked.count > 32 ? exceptionFrame(asked, 3) : withHoles(asked)), HOLES)
    expect(status).toMatchObject({ state: 'up', details: { refusedTags: 3 } })
    expect(status.details?.blockMaxLearned).toBeLessThanOrEqual(32)
  })
})
