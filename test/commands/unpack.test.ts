import { describe, expect, test } from 'vitest'
import type { UnpackRequest } from '../../src/commands/command.ts'
import { Unreachable } from '../../src/core/errors.ts'
import { runHere } from './surroundings.ts'

const REPORT = {
  blocks: 12,
  readings: 1_234_567,
  aggregates: 8,
  transactions: 30,
  foreign: 0,
  deleted: 0,
  present: 0,
  seconds: 2.5,
}

describe('unpack', () => {
  test('topics, cluster and --once are handed on; the report is said', async () => {
    const seen: UnpackRequest[] = []
    const unpack = (request: UnpackRequest) => {
      seen.push(request)
      return Promise.resolve(REPORT)
    }
    const { status, out } = await runHere('unpack --brokers a:1,b:2 --from blocks --to readings.{class} --once', { unpack })
    expect(status).toBe(0)
    expect(out).toBe('1,234,567 readings and 8 aggregates out of 12 blocks, in 30 transactions (2.5 s)\n')
    expect(seen).toMatchObject([
      {
        brokers: ['a:1', 'b:2'],
        topics: { from: 'blocks', to: 'readings.{class}', aggregates: 'holdfast.aggregates.v1' },
        once: true,
      },
    ])
    const json = await runHere('unpack --brokers a:1 --json', { unpack })
    expect(JSON.parse(json.out)).toEqual(REPORT)
    expect(seen[1]).toMatchObject({ topics: { from: 'holdfast.blocks.v1', to: 'holdfast.telemetry.v1' }, once: false })
  })

  test('what is worth a second look is said', async () => {
    const unpack = () => Promise.resolve({ ...REPORT, foreign: 7, deleted: 3, present: 40_000 })
    const { out } = await runHere('unpack --brokers a:1', { unpack })
    expect(out).toMatch(/^40,000 were there already although no position said so: not written again$/m)
    expect(out).toMatch(/^7 records are no blocks: left aside$/m)
    expect(out).toMatch(/^warning: the topic had deleted 3 offsets before they were unpacked$/m)
  })

  test('no cluster, no name of a topic, and a topic unpacked into itself are refused', async () => {
    expect(await runHere('unpack')).toMatchObject({ status: 2, err: expect.stringContaining('--brokers: is needed') })
    const wrong = await runHere('unpack --brokers a:1 --from {class}')
    expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('--from: "{class}" is no name of a topic') })
    const itself = await runHere('unpack --brokers a:1 --from same --to same')
    expect(itself).toMatchObject({ status: 2, err: expect.stringContaining('must be another topic than --from') })
  })

  test('being shut out is exit 1 with what to do', async () => {
    const unpack = () => Promise.reject(new Unreachable('fenced', 'another unpack is at work', { remedy: 'run one' }))
    const { status, err } = await runHere('unpack --brokers a:1', { unpack })
    expect({ status, err }).toEqual({ status: 1, err: 'error another unpack is at work\n    → run one\n' })
  })
})
