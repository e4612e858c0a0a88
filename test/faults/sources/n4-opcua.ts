// N4 of OPC UA: frames of a real server and of our client, changed on the way between them. The thread of the protocol may die of it and is back
// within seconds; the agent does not, does not stand still, and its memory stays. After it all is read as before. A case is a frame.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { asyncua, freePort } from '../../sources/opcua/helpers.ts'
import { watchErrors } from './errors.ts'
import { type Box, type Cable, layCable, startBox, until } from './opcua-box.ts'
import { type Mutated, mutated } from './opcua-frames.ts'

const CABLES = 12
const FRAMES_A_ROUND = 300
const ROUND_MS_MAX = 60_000
const STILL_MS_MAX = 1_000
/** 2 s on a machine that has nothing else to do. */
const BACK_MS_MAX = 15_000
const GROWTH_BYTES_MAX = 300_000_000

const sourceAt = (n: number, port: number) => ({
  name: `line-${n}`,
  settings: opcuaSettings.parse({
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    security: { policy: 'None', mode: 'None', insecure: 'a server on loopback' },
    publishing: '50ms',
    sampling: '0ms',
    sessionTimeout: '10s',
    tags: [{ tag: `${n}/{n}`, node: 'nsu=urn:plant:line;s=Counter{n}', class: 'process', count: 20 }],
  }),
})

/** How long each life of the thread was in coming. */
function watchLives(box: Box) {
  const waits: number[] = []
  let seen = 0
  let diedAt = 0
  const timer = setInterval(() => {
    if (box.restarts() > seen) {
      if (diedAt === 0) diedAt = performance.now()
      seen = box.restarts()
    }
    if (diedAt === 0 || box.status('line-0').code === 'protocol-crashed') return
    waits.push(performance.now() - diedAt)
    diedAt = 0
  }, 20)
  return {
    longestMs: () => Math.max(0, ...waits, diedAt === 0 ? 0 : performance.now() - diedAt),
    end: () => clearInterval(timer),
  }
}

async function madness(round: Round, box: Box, sent: readonly Mutated[]): Promise<void> {
  const { case: one, isOver } = round
  const endsAt = performance.now() + ROUND_MS_MAX
  for (let n = 0; n < FRAMES_A_ROUND && !isOver() && performance.now() < endsAt; n++) {
    await until('another frame', () => sent.length > n)
    await one(`${sent[n]?.name}: ${sent[n]?.bytes.subarray(0, 200).toString('hex')}`, async () => {
      if (box.status('line-0').state === 'stopped') throw new Error('the source has stopped')
    })
  }
}

export const n4Opcua: Campaign = {
  id: 'N4-opcua',
  what: 'frames of OPC UA changed on the way, both ways',
  short: 2_000,
  long: 100_000,
  async run(round) {
    const { dice, dir, case: one } = round
    const errors = watchErrors()
    const stalls = monitorEventLoopDelay({ resolution: 10 })
    const server = await asyncua({ port: await freePort(), certificates: dir, counters: 20 })
    const sent: Mutated[] = []
    let isMad = false
    const change = (frame: Buffer) => {
      if (!isMad || !dice.once(4)) return frame
      const wrong = mutated(frame, dice)
      sent.push(wrong)
      return wrong.bytes
    }
    const cables: Cable[] = []
    for (let n = 0; n < CABLES; n++) cables.push(await layCable(Number(new URL(server.endpoint).port), change))
    const box = startBox(
      cables.map((it, n) => sourceAt(n, it.port)),
      dir,
    )
    const lives = watchLives(box)
    const isUp = () => cables.every((_, n) => box.status(`line-${n}`).state === 'up')
    try {
      await until('all sources up', isUp, 180_000)
      void server.command({ do: 'count', ticks: 1_000_000, hertz: 20 }).catch(() => {})
      const before = process.memoryUsage().rss
      stalls.enable()
      isMad = true
      await madness(round, box, sent)
      isMad = false
      await one('after it all is read as before, by itself', async () => {
        await until('all sources up again', isUp)
        const count = box.count()
        await until('new values', () => box.count() > count + CABLES * 20)
      })
      await one('what the agent noticed of it', async () => {
        errors.check()
        const stillMs = stalls.max / 1e6
        const grown = process.memoryUsage().rss - before
        console.log(
          `N4-opcua: ${sent.length} frames, the thread died ${box.restarts()} times, back after ${Math.round(lives.longestMs())} ms at most; ` +
            `the agent stood still for ${Math.round(stillMs)} ms at most, memory ${Math.round(grown / 1e6)} MB more`,
        )
        if (lives.longestMs() > BACK_MS_MAX) throw new Error(`the thread was back after ${lives.longestMs()} ms`)
        if (stillMs > STILL_MS_MAX) throw new Error(`the agent stood still for ${stillMs} ms`)
        if (grown > GROWTH_BYTES_MAX) throw new Error(`memory has grown by ${grown} bytes`)
      })
    } finally {
      lives.end()
      stalls.disable()
      await box.stop()
      for (const it of cables) it.close()
      await server.kill()
      errors.end()
    }
  },
}
