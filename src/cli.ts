// holdfast COMMAND …
//
//   words ─► commands/dispatch ─► commands/<command> ─► local-api/client ─► the agent's sockets
//                                        │
//                                        └► parts: schemas, agent, plant, verify (loaded here, each only when it is called)
//
// Exit status: 0 done, 1 failed, 2 wrong usage or settings, 3 no agent. SIGINT, SIGTERM and SIGHUP end what runs; a second one at once.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Output, Parts } from './commands/command.ts'
import { dispatch } from './commands/dispatch.ts'
import { BadInput } from './core/errors.ts'
import { connectAgent } from './local-api/client.ts'

const WIDTH_DEFAULT = 80
const WIDTH_MAX = 100

const parts: Parts = {
  schemas: async () => (await import('./schemas.ts')).settingsSchemas,
  agent: () => Promise.reject(new BadInput([{ where: 'agent', text: 'not built yet' }])),
  plant: () => Promise.reject(new BadInput([{ where: 'plant', text: 'not built yet' }])),
  verify: () => Promise.reject(new BadInput([{ where: 'verify', text: 'not built yet' }])),
}

function outputOn(stream: NodeJS.WriteStream): Output {
  // Whoever reads has gone (`| head`): nothing is left to say.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    isTerminal: stream.isTTY === true,
    get width() {
      return Math.min(stream.columns ?? WIDTH_DEFAULT, WIDTH_MAX)
    },
    async write(text) {
      if (!stream.write(text)) await once(stream, 'drain')
    },
  }
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

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const status = await dispatch(process.argv.slice(2), {
  out: outputOn(process.stdout),
  err: outputOn(process.stderr),
  env: process.env,
  signal: abortOnSignals(),
  parts,
  version,
  agent: connectAgent,
})
await new Promise((resolve) => process.stdout.write('', resolve))
process.exit(status)
