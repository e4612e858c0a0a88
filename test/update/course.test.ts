// The course of an update without a box: what is taken back stays so, what waits ends when it is told to, and what is said of it is true.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { BadInput, Unreachable } from '../../src/core/errors.ts'
import type { Course, CourseParts, CourseReport } from '../../src/update/course.ts'
import { createCourse } from '../../src/update/course.ts'
import { newJob } from '../../src/update/follow.ts'
import type { Job, Store } from '../../src/update/state.ts'
import { openStore } from '../../src/update/state.ts'
import { until } from '../route/until.ts'

const JOB: Job = { ...newJob('7', 'server', '2.0.0.raucb', 'server'), url: 'https://updates.example.com/2.0.0.raucb' }
const FREE = { link: undefined, space: undefined, isWindowOpen: true }

const SLOTS: CourseParts['slots'] = {
  view: async () => ['A', 'B'].map((name) => ({ name, isBooted: name === 'A', isNext: false, isGood: true, version: '1.0.0' })),
  bootedDevice: async () => undefined,
  inspect: async () => ({ version: '2.0.0', generation: 0 }),
  install: async () => undefined,
  markGood: async () => undefined,
  markBad: async () => undefined,
  discardOther: async () => undefined,
  activateOther: async () => undefined,
}

let store: Store
let course: Course
let done: Promise<void> | undefined
let fetched: number
let stop: AbortController

async function begin(job: Job, change: Partial<CourseParts> = {}): Promise<void> {
  fetched = 0
  stop = new AbortController()
  // A flash that takes its time.
  store = await openStore(
    '/nowhere/update.json',
    async () => sleep(20),
    () => undefined,
  )
  await store.put({ job })
  course = createCourse({
    slots: SLOTS,
    store,
    minimum: {
      read: async () => null,
      allows: async () => undefined,
      raise: async () => undefined,
      lower: async () => undefined,
    },
    bundleFile: '/nowhere/bundle.raucb',
    bootId: 'this-boot',
    version: '1.0.0',
    fetch: async (_, __, signal) => {
      fetched++
      await sleep(100, undefined, { signal })
    },
    surroundings: async () => FREE,
    baseline: async () => null,
    health: async () => ({ isWell: true, checks: [] }),
    reboot: async () => undefined,
    now: () => 0,
    said: () => undefined,
    // As the server's is: kept on disk until it has it.
    report: () => store.put({}),
    ...change,
  })
  done = course.run(stop.signal)
}
afterEach(async () => {
  stop.abort()
  await done
})

test('what is taken back while it is fetched is not begun again', async () => {
  await begin(JOB)
  await until('it is fetched', () => fetched > 0)
  await course.cancel('the server took it back')
  await sleep(300)
  expect(fetched).toBe(1)
  expect(store.now()).toMatchObject({ job: null, last: { outcome: 'canceled', text: 'the server took it back' } })
})

test('a server hears once that bytes are fetched, however often the line is cut', async () => {
  const told: CourseReport[] = []
  let tries = 0
  await begin(JOB, {
    fetch: () => (tries++, Promise.reject(new Unreachable('update-cut', 'it was cut'))),
    report: async (_, what) => void told.push(what),
  })
  for (const at of [1, 2, 3]) {
    await until(`try ${at}`, () => tries === at && course.progress().wait?.code === 'rest')
    course.nudge()
  }
  expect(told).toEqual([{ kind: 'at', text: 'its bytes are fetched', share: null }])
})

test('once all bytes are here, what is done with them is said, not that they are still fetched', async () => {
  let looked = () => {}
  const inspect = () =>
    new Promise<{ version: string; generation: number }>(
      (resolve) => (looked = () => resolve({ version: '2.0.0', generation: 0 })),
    )
  await begin(JOB, { slots: { ...SLOTS, inspect }, fetch: async (_, at) => at(10, 10) })
  await until('it is looked at', () => course.progress().text === 'its signature is checked')
  expect(course.progress()).toMatchObject({ share: null, bytes: 0 })
  looked()
  await until('it goes on', () => store.now().job?.phase !== 'fetch')
})

test('told to end while it waits, it ends', async () => {
  for (const change of [{ link: 'eth1 is down' }, 'fails'] as const) {
    await begin(JOB, {
      surroundings: async () => {
        if (change === 'fails') throw new Error('fails')
        return { ...FREE, ...change }
      },
    })
    await until('it waits', () => course.progress().wait)
    stop.abort()
    await expect(Promise.race([done, sleep(1_000).then(() => 'still waits')])).resolves.toBeUndefined()
  }
})

test('settings that are wrong are waited for: the bundle is not refused for them', async () => {
  await begin(JOB, {
    surroundings: () => Promise.reject(new BadInput([{ where: 'settings.yaml update.server', text: 'must be an address' }])),
  })
  const wait = await until('it waits', () => course.progress().wait)
  expect(wait).toMatchObject({ code: 'rest', text: expect.stringContaining('must be an address') })
  expect(store.now()).toMatchObject({ job: { id: '7' }, last: null })
})

test('a slot that somebody went back to stays, well or not, and nothing untrue is said of it', async () => {
  await begin(
    { ...newJob('1', 'slot', 'slot A', 'anna'), phase: 'try', target: 'A', version: '1.0.0' },
    { health: async () => ({ isWell: false, checks: [{ what: 'agent', state: 'waiting', text: 'does not answer' }] }) },
  )
  const last = await until('it is over', () => store.now().last ?? undefined)
  expect(last).toMatchObject({ outcome: 'good', text: expect.stringContaining('not well in its time: agent: does not answer') })
})

test('what RAUC could not install is installed once more; a second failure is the end', async () => {
  let failures = 1
  const asked: string[] = []
  const slots: CourseParts['slots'] = {
    ...SLOTS,
    view: async () => (await SLOTS.view()).map((it) => ({ ...it, version: '2.0.0' })),
    async install(file) {
      asked.push(file)
      if (failures-- > 0) throw new Unreachable('install-failed', 'it could not be installed: the loop device is busy')
    },
  }
  await begin({ ...JOB, phase: 'install', version: '2.0.0', target: 'B' }, { slots })
  await until('it is installed', () => store.now().job?.phase === 'reboot')
  expect(asked).toHaveLength(2)
  stop.abort()
  await done
  failures = 2
  await begin({ ...JOB, phase: 'install', version: '2.0.0', target: 'B' }, { slots })
  await until('it is over', () => store.now().job === null)
  expect(store.now().last).toMatchObject({ outcome: 'failed', text: expect.stringContaining('busy') })
  expect(asked).toHaveLength(4)
})

test('what runs is not what was let in, for power was cut before that was seen: it goes back, and nothing is raised', async () => {
  const done: string[] = []
  const slots = ['A', 'B'].map((name) => ({ name, isBooted: name === 'B', isNext: false, isGood: true, version: '0.9.0' }))
  await begin(
    { ...JOB, phase: 'install', target: 'B', version: '2.0.0' },
    {
      version: '0.9.0',
      slots: {
        ...SLOTS,
        view: async () => slots,
        install: async () => void done.push('installed'),
        markGood: async () => void done.push('good'),
        markBad: async () => void done.push('bad'),
        discardOther: async () => void done.push('discarded'),
        activateOther: async () => void done.push('activated'),
      },
      reboot: async () => void done.push('reboot'),
    },
  )
  await until('it starts anew, or stays', () => done.includes('reboot') || done.includes('good'))
  expect(done.filter((it) => it !== 'bad')).toEqual(['reboot'])
  expect(done[0]).toBe('bad')
  expect(store.now().job).toMatchObject({
    phase: 'back',
    why: '0.9.0 was written, and 2.0.0 was let in: it was exchanged',
  })
})

test('what lay on a stick that is not open any more is not installed, and says what to do', async () => {
  for (const phase of ['fetch', 'install'] as const) {
    const file = '/nowhere/stick/2.0.0.raucb'
    let asked = 0
    const slots = {
      ...SLOTS,
      inspect: async () => (asked++, { version: '2.0.0', generation: 0 }),
      install: async () => void asked++,
    }
    await begin({ ...newJob('8', 'stick', '2.0.0.raucb', 'anna'), file, phase, target: 'B', version: '2.0.0' }, { slots })
    await until('it is over', () => store.now().job === null)
    expect(store.now().last).toMatchObject({ outcome: 'failed', text: expect.stringContaining('with its stick in') })
    expect(asked).toBe(0)
    stop.abort()
    await done
  }
})
