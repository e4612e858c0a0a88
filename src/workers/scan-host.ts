// Main's side of a scan: a thread of its own for each, so that what it loads and what it does costs no source anything.
import { Worker } from 'node:worker_threads'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { ScanRequest, ScanStep } from '../core/scan.ts'
import { hostsOf } from '../core/scan.ts'
import type { SourceSettings } from '../core/settings.ts'
import type { Logger } from '../core/source.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import { caller, serve } from './port.ts'
import type { ScanWorkerData } from './scan.ts'
import { streamCalls } from './stream-calls.ts'
import type { Level } from './thread-logger.ts'

const HEAP_MB = 512

/** One scan at a time. `protocols`: the module with their table, where it is not sources/index.ts. */
export function scanHost(sources: () => readonly SourceSettings[], logger: Logger, protocols?: string) {
  let isRunning = false
  return async function* scan({ address, protocol }: ScanRequest, signal: AbortSignal): AsyncIterable<ScanStep> {
    const hosts = hostsOf(address)
    if (typeof hosts === 'string') throw new BadInput([{ where: 'ADDRESS', text: hosts }])
    if (isRunning) throw new Unreachable('scan-running', 'a scan is running already', { remedy: 'Wait until it has ended.' })
    isRunning = true
    try {
      const data = { hosts, sources: sources().map(heldBy), ...(protocol && { protocol }), ...(protocols && { protocols }) }
      yield* scanned(data, logger, signal)
    } finally {
      isRunning = false
    }
  }
}

async function* scanned(data: ScanWorkerData, logger: Logger, signal: AbortSignal): AsyncIterable<ScanStep> {
  const worker = new Worker(new URL('./scan.ts', import.meta.url), {
    workerData: data,
    name: 'scan',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  const calls = caller(worker)
  const streams = streamCalls()
  serve(worker, { item: streams.item, log: (level: Level, fields: object, text: string) => logger[level](fields, text) })
  const gone = (error: unknown) => calls.fail(error)
  worker.on('error', (error) => gone(new Unreachable('scan-failed', `the scan ended: ${(error as Error).message}`)))
  worker.on('exit', (code) => gone(new Unreachable('scan-failed', `the scan's thread ended with code ${code}`)))
  try {
    yield* streams.stream<ScanStep>(calls, 'scan', [], signal)
  } finally {
    await worker.terminate()
  }
}

/** Every word of the settings that may be a host: `10.20.1.40`, and that of `opc.tcp://10.20.1.50:4840`. */
function heldBy({ name, protocol, settings }: SourceSettings): ScanWorkerData['sources'][number] {
  const texts = Object.values((settings ?? {}) as object).filter((it) => typeof it === 'string')
  return { name, protocol, hosts: texts.flatMap((it) => [it, ...hostOfUrl(it)]) }
}

function hostOfUrl(text: string): string[] {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/?#]+)/i.exec(text)?.[1]
  return host === undefined ? [] : [host.replace(/^\[|\]$/g, '')]
}
