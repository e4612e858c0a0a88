// N2 of OPC UA: the server goes, the cable is cut, nothing comes through, all is slow, connections are reset. After each the source is there again
// by itself within 30 s; one on a cable of its own does not notice; memory and descriptors stay. A case is a fault.
import { readdirSync } from 'node:fs'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { asyncua, freePort, type ServerProcess } from '../../sources/opcua/helpers.ts'
import type { Dice } from '../dice.ts'
import { type Cable, layCable, startBox, until } from './opcua-box.ts'

const FAULTS_A_ROUND = 200
const HEALED_MS_MAX = 30_000
/** Longer than this without a value is more than a busy machine. */
const UNAFFECTED_MS_MAX = 5_000
const GROWTH_BYTES_MAX = 150_000_000
const GROWTH_FILES_MAX = 20
/** Until the library has what it keeps. */
const WARM = 5

const sourceOn = (name: string, port: number) => ({
  name,
  settings: opcuaSettings.parse({
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    security: { policy: 'None', mode: 'None', insecure: 'a server on loopback' },
    publishing: '50ms',
    sampling: '0ms',
    sessionTimeout: '10s',
    tags: [{ tag: `${name}/{n}`, node: 'nsu=urn:plant:line;s=Counter{n}', class: 'process', count: 10 }],
  }),
})

type Fault = readonly [name: string, weight: number, run: (plant: Plant, dice: Dice) => Promise<void>]

interface Plant {
  readonly cable: Cable
  server: ServerProcess
  restart(): Promise<void>
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const FAULTS: readonly Fault[] = [
  ['reset', 8, async ({ cable }) => cable.reset()],
  ['cut', 4, ({ cable }, dice) => forAWhile(cable, 'cut', 200 + dice.below(2_000))],
  ['slow', 2, ({ cable }, dice) => forAWhile(cable, 'slow', 500 + dice.below(2_000))],
  ['deaf', 1, ({ cable }, dice) => forAWhile(cable, 'deaf', 1_000 + dice.below(4_000))],
  ['frozen', 1, ({ server }, dice) => frozen(server, 500 + dice.below(3_000))],
  ['server off', 1, (plant) => plant.restart()],
]

async function forAWhile(cable: Cable, state: 'cut' | 'slow' | 'deaf', ms: number): Promise<void> {
  cable.set(state)
  await pause(ms)
  cable.set('open')
  // The plug is in again: what had been deaf has lost frames and ends, as it would at the far end.
  if (state === 'deaf') cable.reset()
}

async function frozen(server: ServerProcess, ms: number): Promise<void> {
  process.kill(server.pid, 'SIGSTOP')
  await pause(ms)
  process.kill(server.pid, 'SIGCONT')
}

function anyFault(dice: Dice): Fault {
  const all = FAULTS.flatMap((it) => Array.from({ length: it[1] }, () => it))
  return dice.oneOf(all)
}

async function startPlant(dir: string): Promise<Plant> {
  const port = await freePort()
  const start = async () => {
    const server = await asyncua({ port, certificates: dir, counters: 10 })
    void server.command({ do: 'count', ticks: 1_000_000, hertz: 20 }).catch(() => {})
    return server
  }
  const plant: Plant = {
    server: await start(),
    cable: await layCable(port),
    async restart() {
      await plant.server.kill()
      plant.server = await start()
    },
  }
  return plant
}

const openFiles = () => readdirSync('/proc/self/fd').length

async function faults({ dice, dir, isOver, case: one }: Round): Promise<void> {
  const sick = await startPlant(dir)
  const well = await startPlant(dir)
  const seen = { sick: 0, well: 0, wellAt: 0, wellWaitMs: 0 }
  const box = startBox([sourceOn('sick', sick.cable.port), sourceOn('well', well.cable.port)], dir, (tag) => {
    if (tag.startsWith('sick')) seen.sick++
    else {
      seen.well++
      const now = performance.now()
      if (seen.wellAt > 0) seen.wellWaitMs = Math.max(seen.wellWaitMs, now - seen.wellAt)
      seen.wellAt = now
    }
  })
  const healed: number[] = []
  let first: { readonly bytes: number; readonly files: number } | undefined
  try {
    await until('both up', () => seen.sick > 0 && seen.well > 0, 180_000)
    for (let n = 0; n < FAULTS_A_ROUND && !isOver(); n++) {
      const [name, , run] = anyFault(dice)
      await one(name, async () => {
        await run(sick, dice)
        const at = seen.sick
        const isBack = () => box.status('sick').state === 'up' && seen.sick > at + 30
        const { lastError } = box.status('sick')
        healed.push(await until(`values again (${lastError})`, isBack, HEALED_MS_MAX))
        if (seen.wellWaitMs > UNAFFECTED_MS_MAX) throw new Error(`the other source waited for ${seen.wellWaitMs} ms`)
      })
      if (n === WARM) first = { bytes: process.memoryUsage().rss, files: openFiles() }
    }
    await one('memory and descriptors', async () => {
      const grown = first
        ? { bytes: process.memoryUsage().rss - first.bytes, files: openFiles() - first.files }
        : { bytes: 0, files: 0 }
      console.log(
        `N2-opcua: ${healed.length} faults, back after ${Math.round(Math.max(...healed))} ms at most; the other source waited ` +
          `${Math.round(seen.wellWaitMs)} ms at most; memory ${Math.round(grown.bytes / 1e6)} MB more, ${grown.files} descriptors more; ` +
          `the thread died ${box.restarts()} times`,
      )
      if (box.restarts() > 0) throw new Error(`the thread of the protocol died: ${box.deaths[0]}`)
      if (grown.bytes > GROWTH_BYTES_MAX) throw new Error(`memory has grown by ${grown.bytes} bytes`)
      if (grown.files > GROWTH_FILES_MAX) throw new Error(`${grown.files} more descriptors are open`)
    })
  } finally {
    await box.stop()
    for (const { cable, server } of [sick, well]) {
      cable.close()
      await server.kill()
    }
  }
}

export const n2Opcua: Campaign = {
  id: 'N2-opcua',
  what: 'OPC UA servers and cables that go and come back',
  short: 100,
  long: 1_000,
  run: faults,
}
