// The thread where other boxes come in: whatever they send, nothing else of the agent loses a beat.
import type { MessagePort } from 'node:worker_threads'
import { parentPort, workerData } from 'node:worker_threads'
import type { BoxesSettings, BoxIntake } from '../core/boxes.ts'
import { openListener } from '../uplinks/box/listener.ts'
import { caller, serve } from './port.ts'
import { threadLogger } from './thread-logger.ts'

const port = parentPort as MessagePort
const main = caller(port)
const intake: BoxIntake = {
  begin: (device) => main.call('begin', [device]),
  peek: (device) => main.call('peek', [device]),
  take: (session, sent) =>
    main.call(
      'take',
      [session, sent],
      sent.slices.flatMap((it) => ('block' in it ? [it.block.buffer as ArrayBuffer] : [])),
    ),
}
const listening = openListener(workerData as BoxesSettings, intake, threadLogger(main, { part: 'boxes' }))
listening.catch(() => {})

serve(port, {
  listening: async () => (await listening).port,
  close: async () => (await listening).close(),
})
