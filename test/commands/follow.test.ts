// `holdfast follow` at a command line: the place that it keeps is never ahead of what was taken from it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { CommandContext } from '../../src/commands/command.ts'
import { follow } from '../../src/commands/follow.ts'
import { outputOn } from '../../src/commands/output.ts'
import type { FollowRow } from '../../src/core/follow.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

const TURNS = 20

test('a row that is still on its way out is not behind the place', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-follow-out-'))
  const file = join(dir, 'place')
  const stop = new AbortController()
  const place = () => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  const seen: string[] = []
  // Takes two rows, each after a while, and of the third nothing.
  const stream = new Writable({
    async write(_, __, taken) {
      for (let n = 0; n < TURNS; n++) await turn()
      seen.push(place())
      if (seen.length < 3) taken()
      else stop.abort()
    },
  })
  async function* rows(): AsyncGenerator<FollowRow> {
    for (let n = 1; n <= 5; n++) yield { type: 'position', position: `p1-${n}`, isCaughtUp: false }
  }
  try {
    const context = {
      args: [],
      options: { 'position-file': file },
      out: outputOn(stream),
      err: outputOn(stream),
      signal: stop.signal,
    }
    const agent = { ...handMadeAgent(), follow: rows }
    expect(await follow.run({ ...context, agent } as unknown as CommandContext)).toBe(0)
    // Written at most once a second, and at the end.
    expect([...seen, place()]).toEqual(['', 'p1-1', expect.stringMatching(/^p1-[12]$/), 'p1-2'])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
