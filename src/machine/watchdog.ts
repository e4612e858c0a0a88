// What systemd is told: that the agent is up, and from then on that it makes progress. Who says nothing for long enough is killed and started again.
// Node has no datagram sockets of Unix: systemd-notify says it.
import { execFile } from 'node:child_process'

export interface Watchdog {
  close(): void
}

/** Said more often than it has to be: one word may come late. */
const WORDS_PER_LIMIT = 3

/** Says that the process is up, then at each look that finds it well that it goes on. `isWell` rejects, or takes too long, where it is not. */
export function startWatchdog(
  env: Readonly<Record<string, string | undefined>>,
  isWell: () => Promise<unknown>,
  failed: (error: Error) => void,
): Watchdog {
  const socket = env['NOTIFY_SOCKET']
  if (socket === undefined) return { close: () => undefined }
  const say = (word: string) =>
    execFile('systemd-notify', [word], { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket } }, (error) => error && failed(error))
  say('READY=1')
  const limitMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000
  if (!(limitMs > 0)) return { close: () => undefined }
  let isAsking = false
  const look = async (): Promise<void> => {
    // One that never answers is asked once.
    if (isAsking) return
    isAsking = true
    try {
      await isWell()
      say('WATCHDOG=1')
    } catch (error) {
      failed(error as Error)
    }
    isAsking = false
  }
  const timer = setInterval(() => void look(), limitMs / WORDS_PER_LIMIT)
  return { close: () => clearInterval(timer) }
}
