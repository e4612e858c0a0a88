// G1: kill -9 at random instants of a log with rules over it: each event once, as if nothing had happened.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openLog } from '../../src/workers/open-log.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import type { Everything } from '../rules/plan.ts'
import { CLASSES, everything } from '../rules/plan.ts'

const LIVES = 6
const MAIN = fileURLToPath(new URL('../rules/life.main.ts', import.meta.url))
/** After the first one that the last life brings, so many more. */
const LAST_READINGS = 500

async function live(dir: string, from: number, killAfterMs: number | undefined): Promise<void> {
  const args = killAfterMs === undefined ? [String(from + LAST_READINGS)] : []
  const child = spawn(process.execPath, [MAIN, dir, String(from), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>
  let timer: NodeJS.Timeout | undefined
  for await (const _line of createInterface({ input: child.stdout }))
    if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  clearTimeout(timer)
  const [code, signal] = await exit
  if (killAfterMs === undefined ? code !== 0 : signal !== 'SIGKILL') throw new Error(`it ended with ${code ?? signal}: ${errors}`)
}

async function look(dir: string): Promise<Everything> {
  const failed = (error: Error) => {
    throw error
  }
  const options = { device: 'box-1', bytesMax: 64_000_000, commitBytes: 20_000, commitEveryMinMs: 0, keepDeliveredMs: 86_400_000 }
  const log = await openLog({ dir, ...options, classes: CLASSES, delivery: {}, uplinks: ['kafka'], rules: true }, failed)
  try {
    return await everything(log.rules)
  } finally {
    await log.close()
  }
}

/** Lines of `a` that `b` lacks, each as often as it is there. */
function beyond(a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const it of b) left.set(it, (left.get(it) ?? 0) + 1)
  return a.filter((it) => {
    const count = left.get(it) ?? 0
    left.set(it, count - 1)
    return count <= 0
  })
}

function mustBeNone(what: string, lines: readonly string[]): void {
  if (lines.length > 0) throw new Error(`${lines.length} events ${what}: ${lines.slice(0, 3).join(' | ')}`)
}

async function lives(round: Round): Promise<void> {
  const dir = join(round.dir, 'log')
  mkdirSync(dir)
  let readings = 0
  for (let n = 0; n < LIVES && !round.isOver(); n++)
    await round.case(`life ${n}`, async () => {
      await live(dir, readings, round.dice.next() * round.dice.oneOf([40, 400, 1_500]))
      const seen = await look(dir)
      readings = seen.readings
      mustBeNone('of nothing, or twice', beyond(seen.said, seen.expected))
    })
  await round.case('the last life, to its end', async () => {
    await live(dir, readings, undefined)
    const { said, expected } = await look(dir)
    mustBeNone('of nothing, or twice', beyond(said, expected))
    mustBeNone('are missing', beyond(expected, said))
    if (expected.length < 10) throw new Error(`only ${expected.length} events`)
  })
}

export const g1: Campaign = {
  id: 'G1',
  what: 'kill -9 of rules over a log',
  short: 50,
  long: 2_000,
  run: lives,
}
