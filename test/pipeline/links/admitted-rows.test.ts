// Rows sent beside the forward: they go as long as the uplink's windows, links and budget let readings go.
import { expect, test } from 'vitest'
import type { Admitted } from '../../../src/core/admission.ts'
import type { QueryRow } from '../../../src/core/agent-api.ts'
import { BadInput, Unreachable } from '../../../src/core/errors.ts'
import type { ClassView } from '../../../src/core/links.ts'
import type { LinkSettings, UplinkSettings } from '../../../src/core/settings.ts'
import { admittedRows } from '../../../src/pipeline/links/admitted-rows.ts'
import { uplinkAdmission } from '../../../src/pipeline/links/admission.ts'
import { openLinks } from '../../../src/pipeline/links/links.ts'
import { createMeter, createUntold } from '../../../src/pipeline/links/metering.ts'

const ROUTE = { link: 'wwan0', localAddress: '10.0.0.2' }
const FREE: Admitted = { except: [], bytesMax: Infinity, route: ROUTE }
const CLOSED: Admitted = { ...FREE, bytesMax: 0, route: undefined, wait: { code: 'window', text: 'later', until: undefined } }

async function* rowsOf(count: number, name = 'process'): AsyncGenerator<QueryRow> {
  for (let n = 0; n < count; n++) yield { tag: 'a', time: n, class: name } as QueryRow
}

/** `looks`: what is admitted, look by look; the last one stays. */
function opened(rows: AsyncIterable<QueryRow>, looks: readonly Admitted[], budget = Infinity) {
  const left = [...looks]
  let room = budget
  const now = () => (left.length > 1 ? left.shift() : left[0]) as Admitted
  const reserve = async (_: unknown, bytes: number) => ((room -= bytes) < 0 ? undefined : { spent: () => true, end() {} })
  const classes: ClassView[] = [
    { name: 'slow', sent: false, code: 'link', text: 'eth0 is down' },
    { name: 'never', sent: false, code: 'link', text: 'no link carries it' },
    { name: 'others', sent: false, code: 'delivery' },
  ]
  const view = () => ({ classes, links: [], windows: [], wait: null })
  const admission = { now, reserve, view, neverGoes: (name: string) => name === 'never' }
  return admittedRows(rows, admission, { carried: async () => 0, untold: createUntold() }, new AbortController().signal)
}

/** `code`: tried again; `never`: refused for good. */
async function sent({ rows, why }: Pick<ReturnType<typeof admittedRows>, 'rows' | 'why'>) {
  let count = 0
  try {
    for await (const _ of rows) count++
  } catch (error) {
    expect(error).toBe(why())
  }
  const reason = why()
  return {
    count,
    ...(reason instanceof Unreachable && { code: reason.code }),
    ...(reason instanceof BadInput && { never: reason.message }),
  }
}

test('nothing begins while nothing may go', () => {
  expect(() => opened(rowsOf(1), [CLOSED])).toThrow('later')
})

test('what is under way ends with its window, its link and its budget; only a link is waited for', async () => {
  expect(await sent(opened(rowsOf(2_500), [FREE]))).toEqual({ count: 2_500 })
  const shut = await sent(opened(rowsOf(2_500), [FREE, FREE, CLOSED]))
  expect(shut).toEqual({ count: 1_000, never: expect.stringMatching(/later, after 1000 readings.*smaller/) as string })
  const other = { ...FREE, route: { link: 'eth0', localAddress: '10.0.0.3' } }
  expect(await sent(opened(rowsOf(2_500), [FREE, FREE, FREE, other]))).toEqual({ count: 2_000, code: 'link' })
  const spent = await sent(opened(rowsOf(2_500), [FREE], 40_000))
  expect(spent).toEqual({ count: 1_000, never: expect.stringMatching(/budget of wwan0.*after 1000 readings/) as string })
  // Before the first of them nothing is lost by waiting.
  expect(await sent(opened(rowsOf(2_500), [FREE], 10_000))).toEqual({ count: 0, code: 'budget' })
})

test('a class that may not go now waits, one that never may is refused; one that delivery gives to others was asked for', async () => {
  const except = [{ ...FREE, except: ['slow', 'never', 'others'] }]
  expect(await sent(opened(rowsOf(10, 'slow'), except))).toEqual({ count: 0, code: 'link' })
  expect(await sent(opened(rowsOf(10, 'never'), except))).toEqual({ count: 0, never: 'never: no link carries it' })
  expect(await sent(opened(rowsOf(10, 'others'), except))).toEqual({ count: 10 })
  const both = (async function* () {
    yield* rowsOf(5)
    yield* rowsOf(5, 'slow')
  })()
  expect(await sent(opened(both, except))).toMatchObject({
    count: 5,
    never: expect.stringContaining('slow: eth0 is down, after 5') as string,
  })
})

/** The real thing over one link, of which the far end counts what passes. */
function metered(link: Partial<LinkSettings>, more: Partial<UplinkSettings> = {}) {
  const uplink = { name: 'cloud', ...more, links: [{ interface: 'wwan0', classes: 'all', ...link }] } as unknown as UplinkSettings
  const wire = { bytes: 0 }
  const now = () => Date.parse('2026-11-30T12:00:00Z') * 1000
  const links = openLinks([uplink], {
    address: () => '10.0.0.2',
    counter: () => undefined,
    boot: 'b',
    now,
    monotonic: () => 0,
    saved: [],
    save: async () => {},
  })
  const admission = uplinkAdmission({ uplink, classes: ['alarm', 'process'], serves: () => true, links, now })
  const sockets = { carried: async () => wire.bytes, untold: createUntold() }
  const open = (rows: AsyncIterable<QueryRow>) => admittedRows(rows, admission, sockets, new AbortController().signal)
  return { wire, admission, sockets, open, spent: () => links.of('wwan0').account?.state().spent }
}

test('what no link and no window ever lets go is refused at once, whatever is up', async () => {
  const alarms = metered({ classes: ['alarm'] })
  expect(await sent(alarms.open(rowsOf(5)))).toEqual({ count: 0, never: 'process: no link carries it' })
  const at = (classes: 'all' | string[]) => ({ windows: [{ at: '22:00-06:00', zone: 'UTC', classes }] })
  expect(() => metered({ classes: ['alarm'] }, at(['process'])).open(rowsOf(1))).toThrow(BadInput)
  expect(() => metered({ classes: ['alarm'] }, at('all')).open(rowsOf(1))).toThrow(Unreachable)
})

test('what the sockets carried counts against the budget once, whoever sent it', async () => {
  const { wire, admission, sockets, open, spent } = metered({ budget: { bytes: 10_000_000, per: 'month', zone: 'UTC' } })
  const { rows, route, close } = open(rowsOf(5_000))
  const meter = createMeter({ admission, ...sockets }).connection(route, new AbortController().signal)
  let forwarded = 0
  let count = 0
  for await (const _ of rows) {
    wire.bytes += 100
    if (++count % 1_500 !== 0) continue
    const transaction = await meter.begin(10)
    wire.bytes += 2_000
    forwarded += 2_000
    await transaction?.end()
  }
  await close()
  await meter.close()
  expect(wire.bytes).toBe(5_000 * 100 + forwarded)
  expect(spent()).toBeCloseTo(wire.bytes * 1.1)
})

test('rows that are gathered before they go keep their room in the budget', async () => {
  const { wire, open, spent } = metered({ budget: { bytes: 1_000_000, per: 'month', zone: 'UTC' } })
  const { rows, close } = open(rowsOf(40_000))
  let count = 0
  const all = (async () => {
    for await (const _ of rows) count++
  })()
  // Nothing has gone yet, and there is no room for all of them.
  await expect(all).rejects.toThrow(BadInput)
  expect(count).toBeLessThan(40_000)
  wire.bytes += 20_000
  await close()
  expect(spent()).toBeCloseTo(20_000 * 1.1)
})

test('a rate that is used up is waited for', async () => {
  const slow: Admitted = { ...FREE, bytesMax: 0, wait: { code: 'rate', text: 'used up', until: undefined } }
  expect(await sent(opened(rowsOf(10), [slow, slow, FREE]))).toEqual({ count: 10 })
})
