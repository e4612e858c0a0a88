// Updates of what ships, from a stick at the serial line: a good version comes and stays, one whose agent dies goes by itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { bootEnvironment } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const GOOD = '99.1.0-development'
const SICK = '99.2.0-development'
/** An agent that dies at each start. */
const SICK_AGENT = {
  'etc/systemd/system/holdfast-agent.service.d/sick.conf': '[Service]\nExecStart=\nExecStart=/bin/false\n',
}

let box: Box

beforeAll(() => {
  box = newBox(board, { [GOOD]: {}, [SICK]: SICK_AGENT })
  box.took('two bundles')
})
afterAll(() => box?.remove())

test('the version that left the factory is found to be well, and is the least from then on', {
  timeout: 4 * BOOT_MS_MAX,
}, async () => {
  const [, , version = ''] = await box.up()
  await box.claim()
  const now = await box.sees('it is marked good', (it) => it.minimum !== null)
  box.took('the factory version is good')
  expect(now).toMatchObject({ version, job: null, minimum: { version, generation: 0 } })
  expect(now.slots.map((it) => [it.name, it.isBooted, it.isNext, it.isGood])).toEqual([
    ['A', true, true, true],
    ['B', false, false, true],
  ])
})

test('what is no bundle is refused, and says so', { timeout: 2 * BOOT_MS_MAX }, async () => {
  await box.anna().call('update take', { offset: 0, base64: Buffer.alloc(5_000, 'no bundle').toString('base64') })
  await box.anna().call('update install', { from: { taken: true } })
  const now = await box.sees('it is over', (it) => it.job === null && it.last !== null)
  expect(now.last).toMatchObject({ outcome: 'refused' })
})

test('a good version from a stick starts in the other slot, and stays', {
  timeout: 6 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
}, async () => {
  await box.installFromStick(GOOD)
  const [, , version] = await box.up()
  expect(version).toBe(GOOD)
  await box.logIn()
  const now = await box.sees('the trial is over', (it) => it.job === null)
  box.took('the good version stays')
  expect(now).toMatchObject({ version: GOOD, last: { outcome: 'good', version: GOOD }, minimum: { version: GOOD } })
  expect(now.slots.find((it) => it.name === 'B')).toMatchObject({ isBooted: true, isNext: true, isGood: true, version: GOOD })
})

test('one whose agent dies at each start is given up by itself: the version before runs again, and says why', {
  timeout: 8 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  const { version: before } = await box.sees('nothing is under way', (it) => it.job === null)
  await box.installFromStick(SICK)
  const [, , version] = await box.up()
  expect(version).toBe(SICK)
  await box.machine().goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
  box.took('the sick version gave up')
  const [, , after] = await box.up()
  expect(after).toBe(before)
  await box.logIn()
  const now = await box.sees('it is over', (it) => it.job === null)
  expect(now.last).toMatchObject({ outcome: 'fell-back', version: SICK, text: expect.stringContaining('agent') })
  expect(now.minimum).toMatchObject({ version: before })
  await box.machine().off()
  const [well, sick] = now.slots[0]?.isBooted ? ['A', 'B'] : ['B', 'A']
  expect(bootEnvironment(box.disk)).toMatchObject({
    [`${sick}_OK`]: '0',
    [`${sick}_GOOD`]: '0',
    [`${well}_OK`]: '1',
    [`${well}_GOOD`]: '1',
  })
})
