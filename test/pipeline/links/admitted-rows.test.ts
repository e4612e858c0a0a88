// Rows sent beside the forward: they go as long as the uplink's windows, links and budget let readings go.
import { expect, test } from 'vitest'
import type { Admitted } from '../../../src/core/admission.ts'
import type { QueryRow } from '../../../src/core/agent-api.ts'
import type { ClassView } from '../../../src/core/links.ts'
import { admittedRows } from '../../../src/pipeline/links/admitted-rows.ts'

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
    { name: 'slow', sent: false, code: 'link', text: 'no link carries it' },
    { name: 'others', sent: false, code: 'delivery' },
  ]
  const view = () => ({ classes, links: [], windows: [], wait: null })
  return admittedRows(rows, { now, reserve, view }, new AbortController().signal)
}

async function sent({ rows, why }: ReturnType<typeof opened>) {
  let count = 0
  try {
    for await (const _ of rows) count++
  } catch (error) {
    expect(error).toBe(why())
  }
  return { count, code: why()?.code }
}

test('nothing begins while nothing may go', () => {
  expect(() => opened(rowsOf(1), [CLOSED])).toThrow('later')
})

test('what is under way ends with its window, its link and its budget', async () => {
  expect(await sent(opened(rowsOf(2_500), [FREE]))).toEqual({ count: 2_500, code: undefined })
  expect(await sent(opened(rowsOf(2_500), [FREE, FREE, CLOSED]))).toEqual({ count: 1_000, code: 'window' })
  const other = { ...FREE, route: { link: 'eth0', localAddress: '10.0.0.3' } }
  expect(await sent(opened(rowsOf(2_500), [FREE, FREE, FREE, other]))).toEqual({ count: 2_000, code: 'link' })
  expect(await sent(opened(rowsOf(2_500), [FREE], 40_000))).toEqual({ count: 1_000, code: 'budget' })
})

test('a class that no link carries now is left; one that delivery gives to others was asked for', async () => {
  const except = [{ ...FREE, except: ['slow', 'others'] }]
  expect(await sent(opened(rowsOf(10, 'slow'), except))).toEqual({ count: 0, code: 'link' })
  expect(await sent(opened(rowsOf(10, 'others'), except))).toEqual({ count: 10, code: undefined })
})

test('a rate that is used up is waited for', async () => {
  const slow: Admitted = { ...FREE, bytesMax: 0, wait: { code: 'rate', text: 'used up', until: undefined } }
  expect(await sent(opened(rowsOf(10), [slow, slow, FREE]))).toEqual({ count: 10, code: undefined })
})
