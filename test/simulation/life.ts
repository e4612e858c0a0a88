// The lives of one log in simulated time: its writer and its keeper in this process, on real files. Stops, kills (a copy of the files as they
// stand goes on elsewhere) and new boots may come at any moment; what was not acknowledged by then is brought again.
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ClassSettings } from '../../src/core/settings.ts'
import type { Keeper } from '../../src/log/keeper.ts'
import { openKeeper } from '../../src/log/keeper.ts'
import { keeperOptions } from '../../src/log/keeper-options.ts'
import type { Writer } from '../../src/log/writer.ts'
import { openWriter } from '../../src/log/writer.ts'
import { T0 } from '../log/helpers.ts'
import type { Turbine } from './turbine.ts'
import { feed } from './turbine.ts'

const DEVICE = 'turbine-7'
/** Later than what is most urgent, sooner than the rest. */
const END_AFTER_MS = 500

export type Ending = 'stop' | 'kill' | 'kill-at-work' | 'boot'

export interface Lives {
  writer(): Writer
  keeper(): Keeper
  dir(): string
  /** Seconds since the begin. */
  now(): number
  /** Readings that were acknowledged, by class. */
  readonly acked: ReadonlyMap<string, number>
  /** One batch of every class, and time goes on to `to`. */
  bring(to: number): void
  /** The keeper works until there is nothing to do, or dies at its first step. */
  work(all?: boolean): void
  /** How this life ends, at the next chance. */
  end(how: Ending): void
  tick(ms: number): void
  close(): void
}

interface Brought {
  readonly class: string
  readonly from: number
  readonly to: number
  readonly count: number
}

export function lives(base: string, source: Turbine, classes: readonly ClassSettings[], bytesMax: number): Lives {
  let dir = join(base, 'life-0')
  let life = 0
  let boot = 0
  let bootMs = 0
  let ms = 0
  let timers: { at: number; run(): void }[] = []
  let writer: Writer
  let keeper: Keeper
  let feeds: Map<string, ReturnType<typeof feed>>
  let nextId = 0
  let ending: Ending | undefined
  let open = new Map<number, Brought>()
  const acked = new Map(classes.map((it) => [it.name, 0]))
  mkdirSync(dir)

  function begin(): void {
    timers = []
    const now = () => T0 + ms * 1000
    const bootId = `boot-${boot}`
    writer = openWriter(
      {
        dir,
        device: DEVICE,
        bytesMax,
        commitBytes: 1_000_000,
        commitEveryMinMs: 0,
        keepDeliveredMs: 0,
        classes,
        delivery: {},
        uplinks: ['kafka'],
      },
      {
        now,
        monotonic: () => ms - bootMs + 1000,
        after(wait, run) {
          const timer = { at: ms + wait, run }
          timers.push(timer)
          return { cancel: () => void (timers = timers.filter((it) => it !== timer)) }
        },
        clock: () => ({
          bootId,
          trusted: true,
          offsetUs: T0 + bootMs * 1000,
          bootUs: (ms - bootMs) * 1000,
          now: now(),
          version: 0,
        }),
        hardware: '',
        randomEpoch: () => (life + 1).toString(16).padStart(32, '0'),
        held: () => {},
        durable: settle,
        failed(error) {
          throw error
        },
      },
    )
    keeper = openKeeper(keeperOptions({ dir, device: DEVICE, bytesMax, classes }))
    const { delivered, inDoubt } = writer.restart('kafka', 'none')
    keeper.restart('kafka', delivered, inDoubt)
    feeds = new Map(classes.map((it) => [it.name, feed(source, it.name)]))
    const again = [...open.values()]
    open = new Map()
    for (const it of again) append(it.class, it.from, it.to)
  }

  function settle(ids: readonly number[]): void {
    for (const id of ids) {
      const it = open.get(id)
      if (!it) throw new Error(`append ${id} was acknowledged twice, or never brought`)
      open.delete(id)
      acked.set(it.class, (acked.get(it.class) ?? 0) + it.count)
    }
  }

  function append(name: string, from: number, to: number): void {
    const brought = feeds.get(name)?.(from, to)
    if (!brought) return
    const id = nextId++
    open.set(id, { class: name, from, to, count: brought.count })
    writer.append(id, brought.batch)
  }

  function tick(forMs: number): void {
    const until = ms + forMs
    for (;;) {
      const next = timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > until) break
      timers = timers.filter((it) => it !== next)
      ms = Math.max(ms, next.at)
      next.run()
    }
    ms = until
  }

  /** Of what the old life does after the copy nobody hears. */
  function die(how: Ending): void {
    ending = undefined
    if (how === 'stop') {
      keeper.close()
      writer.close()
    } else {
      const old = dir
      const mine = open
      dir = join(base, `life-${++life}`)
      cpSync(old, dir, { recursive: true, filter: (it) => !it.endsWith('-shm') })
      const before = new Map(acked)
      open = new Map(mine)
      keeper.close()
      writer.close()
      for (const [name, count] of before) acked.set(name, count)
      open = mine
      rmSync(old, { recursive: true, force: true })
      if (how === 'boot') {
        boot++
        bootMs = ms
      }
    }
    begin()
  }

  begin()
  return {
    writer: () => writer,
    keeper: () => keeper,
    dir: () => dir,
    now: () => ms / 1000,
    acked,
    tick,
    bring(to) {
      const from = ms / 1000
      for (const it of classes) append(it.name, from, to)
      if (ending && ending !== 'kill-at-work') {
        // Some of it is there when the end comes.
        tick(END_AFTER_MS)
        die(ending)
      }
      tick(to * 1000 - ms)
    },
    work(all = false) {
      for (;;) {
        const change = keeper.work(writer.state(), all)
        if (!change) return
        if (ending === 'kill-at-work') return die('kill')
        const done = writer.apply(change)
        keeper.applied(done)
        if (!done) return
      }
    },
    end: (how) => void (ending = how),
    close() {
      keeper.close()
      writer.close()
    },
  }
}
