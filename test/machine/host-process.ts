// The real helper of root as a child process, in a network namespace of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostApi } from '../../src/core/host.ts'
import { connectHost } from '../../src/machine/host/client.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'

export interface HostSite {
  readonly dir: string
  readonly data: string
  readonly networkDir: string
  /** There only where a test lays it. */
  readonly timeFile: string
  readonly host: HostApi
  start(inside?: readonly string[], more?: readonly string[]): Promise<Child>
  close(): void
}

/** With a folder that is there, or one of its own. */
export function hostSite(there?: { readonly dir: string; readonly data: string }): HostSite {
  const dir = there?.dir ?? mkdtempSync(join(tmpdir(), 'hf-host-'))
  const data = there?.data ?? join(dir, 'data')
  const networkDir = join(dir, 'network')
  const host = connectHost(data)
  if (!there) writeFileSync(join(dir, 'settings.yaml'), 'version: 1\n')
  const timeFile = join(dir, 'clock')
  const args = [
    cli,
    'host',
    '--data',
    data,
    '--network-dir',
    networkDir,
    '--time-file',
    timeFile,
    '--settings',
    join(dir, 'settings.yaml'),
  ]
  return {
    dir,
    data,
    networkDir,
    timeFile,
    host,
    async start(inside = [], more = []) {
      const [program, ...words] = [...inside, process.execPath, ...args, ...more] as [string, ...string[]]
      const child = startChild(dir, 'host', program, words)
      await until('the helper answers', async () => {
        if (!child.isRunning()) throw new Error(`the helper ended: ${lastLines(child.logFile, 5).join('\n')}`)
        return (await host.verbs().catch(() => [])).length > 0
      })
      return child
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}
