// A namespace for the agent, with two links to Kafka and one to its plant: pairs of virtual cables whose far ends are ours, and count.
//
//   agent ── la 10.99.N.2 ──── 10.99.N.1  Kafka     (a table for each source address, and nothing beside: what leaves by the wrong one is lost)
//         ── lb 10.99.N.6 ──── 10.99.N.5
//         ── lp 10.99.N.10 ─── 10.99.N.9  the plant
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface TwoLinks {
  readonly namespace: string
  /** Where Kafka is, whichever link leads there. */
  readonly kafkaAddress: string
  readonly plantAddress: string
  /** Pulls or plugs a cable. */
  set(link: 'la' | 'lb', state: 'up' | 'down'): void
  /** Bytes both ways that the far end has counted. */
  counted(link: 'la' | 'lb'): number
  close(): void
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

/** Whether this machine lets us. */
export function canHaveLinks(): boolean {
  try {
    ip('netns', 'add', `hf-try-${process.pid}`)
    ip('netns', 'del', `hf-try-${process.pid}`)
    return true
  } catch {
    return false
  }
}

export function twoLinks(): TwoLinks {
  const id = process.pid % 200
  const namespace = `hf-links-${process.pid}`
  const net = `10.99.${id}`
  const far = (link: string) => `hf${id}${link}`
  const inside = (...args: string[]) => ip('-n', namespace, ...args)
  const routes = (link: string, at: number) => {
    const table = String(100 + at)
    inside('route', 'replace', 'default', 'via', `${net}.${at + 1}`, 'dev', link, 'table', table)
    inside('route', 'replace', `${net}.${at}/30`, 'dev', link, 'table', table)
  }
  ip('netns', 'add', namespace)
  inside('link', 'set', 'lo', 'up')
  for (const [link, at] of Object.entries({ la: 0, lb: 4, lp: 8 })) {
    ip('link', 'add', far(link), 'type', 'veth', 'peer', 'name', link, 'netns', namespace)
    ip('addr', 'add', `${net}.${at + 1}/30`, 'dev', far(link))
    ip('link', 'set', far(link), 'up')
    inside('addr', 'add', `${net}.${at + 2}/30`, 'dev', link)
    inside('link', 'set', link, 'up')
    if (link === 'lp') continue
    inside('rule', 'add', 'from', `${net}.${at + 2}`, 'table', String(100 + at))
    routes(link, at)
  }
  const read = (link: string, what: string) =>
    Number(readFileSync(`/sys/class/net/${far(link)}/statistics/${what}_bytes`, 'utf8'))
  return {
    namespace,
    kafkaAddress: `${net}.1`,
    plantAddress: `${net}.9`,
    set(link, state) {
      inside('link', 'set', link, state)
      // A route goes with its interface.
      if (state === 'up') routes(link, link === 'la' ? 0 : 4)
    },
    counted: (link) => read(link, 'rx') + read(link, 'tx'),
    close() {
      ip('netns', 'del', namespace)
    },
  }
}
