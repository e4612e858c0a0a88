// The agent of a run: started, started again whenever it ends, killed on demand.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentApi } from '../../src/core/agent-api.ts'
import type { Status } from '../../src/core/status.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Child } from './child.ts'
import { startChild } from './child.ts'
import { cli } from './holdfast.ts'

const RESTART_MS = 2000
const FAILURES_MAX = 3

export interface KeptAgent {
  readonly name: string
  readonly logFile: string
  /** False once it ended three times in a row by itself without having answered. */
  isRunning(): boolean
  /** Undefined while it is down. */
  pid(): number | undefined
  /** Undefined while it does not answer. */
  status(): Promise<Status | undefined>
  /** kill -9; it comes back after two seconds. */
  kill(): Promise<void>
  /** In an orderly way, and for good. */
  end(): Promise<void>
}

/** `tell` hears of every end that nobody asked for. */
export function keepAgent(dir: string, settingsFile: string, dataDir: string, tell: (text: string) => void): KeptAgent {
  const api: AgentApi = connectAgent(dataDir)
  const over = new AbortController()
  let child: Child | undefined
  let isKilled = false
  let failures = 0
  const logFile = join(dir, 'agent.log')
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      isKilled = false
      child = startChild(dir, 'agent', process.execPath, [
        ...process.execArgv,
        '--max-semi-space-size=2',
        cli,
        'agent',
        '--settings',
        settingsFile,
        '--data',
        dataDir,
      ])
      const how = await child.ended
      if (!isKilled && !over.signal.aborted) {
        failures++
        tell(`the agent ended by itself (${how}), see ${logFile}`)
      }
      await sleep(RESTART_MS, undefined, { signal: over.signal }).catch(() => undefined)
    }
  }
  const looping = loop()
  return {
    name: 'agent',
    logFile,
    isRunning: () => failures < FAILURES_MAX,
    pid: () => (child?.isRunning() ? child.pid : undefined),
    status: async () => {
      const status = await api.status().catch(() => undefined)
      if (status) failures = 0
      return status
    },
    kill: async () => {
      isKilled = true
      await child?.kill()
    },
    end: async () => {
      over.abort()
      await child?.end()
      await looping
    },
  }
}
