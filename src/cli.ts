// holdfast COMMAND …
//
//   words ─► commands/dispatch ─► commands/<command> ─► local-api/client ─► the agent's sockets
//                                        │
//                                        └► parts: schemas, agent, plant, verify, unpack (loaded here, each only when it is called)
//
// Exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 no agent. SIGINT, SIGTERM and SIGHUP end what runs; a second one at once.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import type { Output, Parts, UnpackRequest, VerifiedUplink } from './commands/command.ts'
import { dispatch } from './commands/dispatch.ts'
import { outputOn } from './commands/output.ts'
import { localName } from './core/device-name.ts'
import { connectBox } from './local-api/box.ts'
import { connectAgent } from './local-api/client.ts'
import type { KafkaSettings } from './uplinks/kafka/settings.ts'
import type { VerifiedCluster } from './uplinks/kafka/verify/index.ts'

// Run from its source, each thread strips types by one shared piece of WebAssembly, and V8 may crash where it exchanges that one's wrappers: it never does.
// With any flag changed V8 compiles Node's own modules instead of taking them from the program, 25 ms in each thread: what ships does without.
if (import.meta.url.endsWith('.ts')) setFlagsFromString('--wasm-wrapper-tiering-budget=2000000000')

const { version, build } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
  /** Of an image (images/build-id.ts). */
  build?: string
}
const out = outputOn(process.stdout)
const err = outputOn(process.stderr)

const parts: Parts = {
  schemas: async () => (await import('./schemas.ts')).settingsSchemas,
  async agent(request, signal) {
    // They load beside what is loaded here.
    const threads = (await import('./workers/log-threads.ts')).startLogThreads()
    const { runAgent } = await import('./agent.ts')
    return runAgent({ ...request, threads, version, ...(build !== undefined && { build }), env: process.env }, signal)
  },
  standardInput,
  async panel(request, signal) {
    const { runPanel } = await import('./panel.ts')
    return runPanel({ ...request, version, env: process.env }, signal)
  },
  async plant(args, signal) {
    const { plantCommand } = await import('./plant/command.ts')
    const { readTopic } = await import('./topic-values.ts')
    const print = (to: Output) => (line: string) => void to.write(`${line}\n`)
    return plantCommand(args, signal, { print: print(out), warn: print(err), readTopic })
  },
  async import(request, signal) {
    return (await import('./import-files.ts')).importFiles(request, signal)
  },
  async offlineExport(dir, settings) {
    return (await import('./offline-export.ts')).openOfflineExport(dir, settings)
  },
  async host(request, signal) {
    return (await import('./host.ts')).runHost(request, signal)
  },
  async connectHost(dir) {
    return (await import('./machine/host/client.ts')).connectHost(dir)
  },
  async scorer(request, signal) {
    return (await import('./scorer.ts')).runScorer({ ...request, env: process.env }, signal)
  },
  async updater(request, signal) {
    return (await import('./updater.ts')).runUpdater({ ...request, version, env: process.env }, signal)
  },
  async connectUpdater(dir) {
    return (await import('./update/client.ts')).connectUpdater(dir)
  },
  async certificates(dir) {
    const [{ openCertificates }, { deviceIdentity }] = await Promise.all([
      import('./access/certificate.ts'),
      import('./settings/identity.ts'),
    ])
    return openCertificates(dir, localName(await deviceIdentity(dir)))
  },
  async console(request, signal) {
    const { runConsole } = await import('./console.ts')
    return runConsole({ ...request, version, env: process.env, parts }, signal)
  },
  async log(dir) {
    return (await import('./offline-log.ts')).openOfflineLog(dir)
  },
  async replay({ brokers, uplink, topic, site, rows }, signal) {
    const { replayTo } = await import('./uplinks/kafka/replay.ts')
    const where = uplink ? kafkaOf(uplink) : { brokers }
    return replayTo({ ...where, topic, site, rows, signal })
  },
  async verify({ and = [], device, topics, prefix, progress, ...first }, signal) {
    const { verifyTopics } = await import('./uplinks/kafka/verify/index.ts')
    const [one, ...more] = [first, ...and].map(({ brokers, uplink }) => {
      const where = uplink ? kafkaOf(uplink) : { brokers }
      return { ...where, topics: { ...where.topics, ...topics }, prefix }
    }) as [VerifiedCluster, ...VerifiedCluster[]]
    return verifyTopics({ ...one, and: more, device, onProgress: progress, signal })
  },
  unpack: unpackOf,
  async unpackFiles({ brokers, uplink, topic, dir, progress }, signal) {
    const { unpackFiles } = await import('./uplinks/kafka/unpack/files.ts')
    const { topics: _, ...where } = uplink ? kafkaOf(uplink) : { brokers, topics: {} }
    return unpackFiles({ ...where, topic, dir, signal, onProgress: (done, all) => progress(all > 0 ? done / all : 1) })
  },
}

async function unpackOf({ brokers, uplink, topics, once, progress, trouble }: UnpackRequest, signal: AbortSignal) {
  const { unpackTopic } = await import('./uplinks/kafka/unpack/index.ts')
  const { topics: _, ...where } = uplink ? kafkaOf(uplink) : { brokers, topics: {} }
  return unpackTopic({ ...where, topics, once, signal, onProgress: progress, onTrouble: trouble })
}

/** Where an uplink of the settings sends to, with every topic that its classes make. */
function kafkaOf({ settings, classes, site }: VerifiedUplink): VerifiedCluster {
  const { brokers, tls, sasl, topics } = settings as KafkaSettings
  const place = site.replaceAll(/[^a-zA-Z0-9._-]/g, '_')
  const filled = Object.entries(topics).map(([role, template]) => [
    role,
    [...new Set(classes.map((it) => template.replaceAll('{class}', it).replaceAll('{site}', place)))],
  ])
  return { brokers, tls, sasl, topics: Object.fromEntries(filled) as VerifiedCluster['topics'] }
}

async function standardInput(charsMax: number): Promise<string> {
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
    text += part
    if (text.length > charsMax) break
  }
  return text
}

function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1)
      controller.abort()
    })
  }
  return controller.signal
}

const signal = abortOnSignals()
const status = await dispatch(process.argv.slice(2), {
  out,
  err,
  env: process.env,
  signal,
  parts,
  version,
  async audit(dir, event) {
    await (await import('./cli-audit.ts')).auditCli(dir, event)
  },
  agent: (dir, box) => (box ? connectBox(box) : connectAgent(dir)),
})
// Who was told to end waits for no reader.
if (!signal.aborted) await new Promise((resolve) => process.stdout.write('', resolve))
process.exit(status)
