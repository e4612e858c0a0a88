// Issues that are over, asked as an operator asks: `holdfast issues --ended`.
import { expect, test } from 'vitest'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

test('those that are there with what to do, those that are over with their end; nothing steers the terminal', async () => {
  const now = await runHere('issues')
  expect(now).toMatchObject({ status: 0, err: '' })
  expect(now.out).toMatch(/^log-full problem since 2026-11-18T11:16:40Z\n {4}.+: The log is 91 % full\n {4}→ Restore/)
  const ended = await runHere('issues --ended')
  expect(ended.out).toBe(
    'source-down warning 2026-11-18T11:06:40Z to 2026-11-18T11:09:40Z\n' +
      '    3 min, 3 times: Source press-3 is down: 10.20.1.60:502 does not answer [2J\n',
  )
  expect(JSON.parse((await runHere('issues --ended --json')).out)).toMatchObject([{ code: 'source-down', times: 3 }])
  const none = await runHere('issues --ended', {}, {}, () => handMadeAgent({ issues: async () => [] }))
  expect(none.out).toBe('no issue has ended yet\n')
})
