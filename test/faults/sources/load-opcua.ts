// The load of one source: 10,000 items once a second, and 2,000 ten times a second, from a Milo server through the protocol's thread. Every value of
// every tag comes, once and in its order; processor and memory are printed. A case is one of the two.
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import type { Campaign } from '../../prove/campaign.ts'
import { freePort, milo } from '../../sources/opcua/helpers.ts'
import { startBox, until } from './opcua-box.ts'

const SHORT_S = 20
const LONG_S = 300
const LOADS = [
  { items: 10_000, hertz: 1 },
  { items: 2_000, hertz: 10 },
] as const
type Load = (typeof LOADS)[number]

/** A value that is not the one after the last one of its tag. */
interface Gap {
  readonly tag: string
  readonly from: bigint
  readonly to: bigint
}

/** What each tag had last, and what was wrong with it. */
function follow() {
  const last = new Map<string, bigint>()
  const gaps: Gap[] = []
  return {
    gaps,
    last,
    take(tag: string, value: bigint) {
      const before = last.get(tag)
      if (before !== undefined && value !== before + 1n) gaps.push({ tag, from: before, to: value })
      last.set(tag, value)
    },
  }
}

async function load(dir: string, { items, hertz }: Load, seconds: number): Promise<void> {
  const server = await milo({ port: await freePort(), counters: items, push: 1 })
  const settings = opcuaSettings.parse({
    endpoint: server.endpoint,
    security: { policy: 'None', mode: 'None', insecure: 'a server on loopback' },
    publishing: '100ms',
    sampling: '0ms',
    tags: [{ tag: 'line/{n}', node: 'nsu=urn:plant:milo;s=Counter{n}', class: 'process', count: items }],
  })
  const seen = follow()
  const box = startBox([{ name: `load-${items}`, settings }], dir, seen.take, 'plant')
  try {
    await until('the first value of each', () => seen.last.size === items, 120_000)
    const [began, cpu] = [performance.now(), process.cpuUsage()]
    const ticks = seconds * hertz
    await server.command({ do: 'count', ticks, hertz })
    const used = process.cpuUsage(cpu)
    const took = (performance.now() - began) / 1000
    await until('all', () => box.count() >= items * (ticks + 1), 60_000).catch(() => {})
    const share = (used.user + used.system) / 1e4 / took
    console.log(
      `sources-load-opcua: ${items} items at ${hertz} Hz for ${Math.round(took)} s: ${box.count()} of ${items * (ticks + 1)} readings; ` +
        `${share.toFixed(1)} % of a core, ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
    )
    const [first] = seen.gaps
    if (first)
      throw new Error(
        `${seen.gaps.length} values are missing or out of their order; the first: ${first.tag} ${first.from} to ${first.to}`,
      )
    if (box.count() !== items * (ticks + 1)) throw new Error(`${box.count()} readings came, ${items * (ticks + 1)} were sent`)
    if (box.restarts() > 0) throw new Error('the thread of the protocol died')
  } finally {
    await box.stop()
    await server.kill()
  }
}

/** The long figure's cases run for five minutes each. */
export const loadOpcua: Campaign = {
  id: 'sources-load-opcua',
  what: '10,000 items at 1 s, 2,000 at 10 Hz',
  short: 2,
  long: 4,
  async run({ dir, number, case: one, isOver }) {
    // The first round is the short one.
    const seconds = number === 0 ? SHORT_S : LONG_S
    for (const it of LOADS)
      if (!isOver()) await one(`${it.items} items at ${it.hertz} Hz for ${seconds} s`, () => load(dir, it, seconds))
  },
}
