// Edge nodes by others' libraries (edge.py), and a host at work beside them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sparkplugSettings } from '../../../src/sources/sparkplug/settings.ts'
import { sparkplug } from '../../../src/sources/sparkplug/source.ts'
import type { Opened } from '../mqtt/harness.ts'
import { openProtocol } from '../mqtt/harness.ts'

const PYTHON = join(import.meta.dirname, '../../../.cache/venv/bin/python')

interface Heard {
  readonly topic: string
  readonly text?: string
  readonly payload?: { readonly metrics?: readonly { readonly name?: string; readonly booleanValue?: boolean }[] }
}

export interface Edge {
  /** Resolves when it is done. */
  do(command: object): Promise<void>
  /** What hosts have said. */
  readonly heard: Heard[]
  stop(): Promise<void>
}

export async function startEdge(port: number): Promise<Edge> {
  const child = spawn(PYTHON, [join(import.meta.dirname, 'edge.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  const heard: Heard[] = []
  const gone = once(child, 'exit')
  createInterface({ input: child.stdout }).on('line', (line) => {
    const it = JSON.parse(line) as Heard & { done?: number; error?: string }
    if (it.done === undefined) return void heard.push(it)
    const one = waiting.get(it.done)
    if (it.error === undefined) one?.resolve()
    else one?.reject(new Error(it.error))
  })
  void gone.then(() => {
    for (const it of waiting.values()) it.reject(new Error('the edge has ended'))
  })
  const answered = (n: number) => new Promise<void>((resolve, reject) => waiting.set(n, { resolve, reject }))
  let next = 0
  const ready = answered(-1)
  child.stdin.write(`${JSON.stringify({ port })}\n`)
  await ready
  return {
    heard,
    async do(command) {
      const done = answered(next++)
      child.stdin.write(`${JSON.stringify(command)}\n`)
      await done
    },
    async stop() {
      child.stdin.end()
      child.kill('SIGKILL')
      await gone
    },
  }
}

export function openHost(port: number, dir: string, settings: object = {}, name = 'sp'): Opened {
  const parsed = sparkplugSettings.parse({
    url: `mqtt://127.0.0.1:${port}`,
    insecure: 'a test',
    class: 'process',
    clientId: `host-${Math.random()}`,
    ...settings,
  })
  return openProtocol(sparkplug, parsed, dir, name)
}
