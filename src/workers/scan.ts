// A scan's thread: it loads what asks, and ends with it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, workerData } from 'node:worker_threads'
import { SCAN_HOST_MS_MAX, SCAN_HOSTS_AT_ONCE, SCAN_PAUSE_MS } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { ScanFound, ScanStep } from '../core/scan.ts'
import type { Found, Protocol } from '../core/source.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'

export interface ScanWorkerData {
  readonly hosts: readonly string[]
  readonly protocol?: string
  /** Sources that read already, each with every text of its settings that may name a host. */
  readonly sources: readonly { readonly name: string; readonly protocol: string; readonly hosts: readonly string[] }[]
  /** The module with the table of protocols, where it is not sources/index.ts. */
  readonly protocols?: string
}

const data = workerData as ScanWorkerData
const port = parentPort as MessagePort
const main = caller(port)
const streams = streamServer(main, 24 * 3_600_000)
const log = threadLogger(main, { scan: true })
// By a name that a bundler sees.
const own = () => import('../sources/index.ts')
const { protocols } = await (data.protocols === undefined ? own() : (import(data.protocols) as ReturnType<typeof own>))

// A library that throws out of a callback costs the host that it was asking its answer, not the scan.
process.on('uncaughtException', (error) => log.warn({ err: error }, 'a protocol threw while it was asking'))

interface Asking {
  readonly protocol: string
  find(host: string, signal: AbortSignal): Promise<readonly Found[]>
}

async function askers(): Promise<Asking[]> {
  const names = data.protocol === undefined ? Object.keys(protocols) : [data.protocol]
  const loaded = await Promise.all(names.map(async (protocol) => ({ protocol, it: await protocolOf(protocol) })))
  const asking = loaded.flatMap(({ protocol, it }) => (it.find ? [{ protocol, find: it.find.bind(it) }] : []))
  if (asking.length > 0) return asking
  throw new BadInput([{ where: '--protocol', text: `${data.protocol ?? 'no protocol'} cannot be scanned for` }])
}

function protocolOf(name: string): Promise<Protocol<unknown>> {
  const entry = protocols[name]
  const known = Object.keys(protocols).join(', ')
  if (!entry) throw new BadInput([{ where: '--protocol', text: `there is no protocol "${name}"; there are: ${known}` }])
  return entry.load() as Promise<Protocol<unknown>>
}

async function ask(host: string, asking: readonly Asking[], signal: AbortSignal): Promise<Omit<ScanStep, 'done' | 'all'>> {
  const found: ScanFound[] = []
  const held: { protocol: string; source: string }[] = []
  const failed: { protocol: string; text: string }[] = []
  for (const { protocol, find } of asking) {
    const source = data.sources.find((it) => it.protocol === protocol && it.hosts.includes(host))?.name
    if (source !== undefined) held.push({ protocol, source })
    else {
      await limited(find, host, signal).then(
        (all) => void found.push(...all.map((it) => ({ protocol, ...it }))),
        (error: unknown) => void failed.push({ protocol, text: (error as Error).message }),
      )
    }
  }
  return { host, found, held, failed }
}

/** However `find` keeps to its signal. */
async function limited(find: Asking['find'], host: string, signal: AbortSignal): Promise<readonly Found[]> {
  const end = AbortSignal.any([signal, AbortSignal.timeout(SCAN_HOST_MS_MAX)])
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`no answer in ${SCAN_HOST_MS_MAX / 1000} s`))
    end.addEventListener('abort', fail, { once: true })
  })
  return Promise.race([find(host, end), late])
}

async function* scan(signal: AbortSignal): AsyncIterable<ScanStep> {
  const asking = await askers()
  const { hosts } = data
  const open = new Set<Promise<void>>()
  const steps: Omit<ScanStep, 'done' | 'all'>[] = []
  let done = 0
  for (let at = 0; at < hosts.length || open.size > 0; ) {
    if (signal.aborted) return
    if (at < hosts.length && open.size < SCAN_HOSTS_AT_ONCE) {
      const one = ask(hosts[at++] as string, asking, signal).then((it) => {
        steps.push(it)
        open.delete(one)
      })
      open.add(one)
      await sleep(SCAN_PAUSE_MS)
    } else await Promise.race(open)
    for (const it of steps.splice(0)) yield { done: ++done, all: hosts.length, ...it }
  }
}

serve(port, { scan: streams.handler(async (signal) => scan(signal)), cancel: streams.cancel })
