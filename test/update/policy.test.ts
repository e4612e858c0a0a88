// When an update may go on: the table of what it waits for.
import { expect, test } from 'vitest'
import type { Surroundings } from '../../src/update/policy.ts'
import { fetchWait, installWait } from '../../src/update/policy.ts'
import type { Job } from '../../src/update/state.ts'

type Asked = Parameters<typeof installWait>[0]

const FREE: Surroundings = { link: undefined, space: undefined, isWindowOpen: true }
const JOB: Asked = { how: 'forced', origin: 'server', isAgreed: false, isWindowOpen: true }
const code = (job: Partial<Job>, around: Partial<Surroundings> = {}) =>
  installWait({ ...JOB, ...job } as Asked, { ...FREE, ...around })?.code ?? 'now'

test('nothing is fetched without a way that carries class system, nor onto a disk that is short', () => {
  expect(fetchWait(FREE)).toBeNull()
  expect(fetchWait({ ...FREE, link: 'eth1 is down', space: 'the log is full' })).toEqual({ code: 'link', text: 'eth1 is down' })
  expect(fetchWait({ ...FREE, space: 'the log is full' })).toMatchObject({ code: 'space' })
})

test('forced: at once; attempt: in a window; skip: when somebody says so; none of them while the server keeps its own window shut', () => {
  expect(code({ how: 'forced' }, { isWindowOpen: false })).toBe('now')
  expect(code({ how: 'attempt' })).toBe('now')
  expect(code({ how: 'attempt' }, { isWindowOpen: false })).toBe('window')
  expect(code({ how: 'skip' })).toBe('agreement')
  for (const how of ['forced', 'attempt'] as const) expect(code({ how, isWindowOpen: false })).toBe('window')
  for (const how of ['forced', 'attempt', 'skip'] as const)
    expect(code({ how, isAgreed: true, isWindowOpen: false }, { isWindowOpen: false })).toBe('now')
})

test('never while space is short, whoever agreed; what is brought to the box and the way back need none', () => {
  const short = { space: 'the log is full' }
  for (const origin of ['server', 'url', 'file'] as const) expect(code({ origin, isAgreed: true }, short), origin).toBe('space')
  for (const origin of ['stick', 'slot'] as const) expect(code({ origin, isAgreed: true }, short), origin).toBe('now')
})
