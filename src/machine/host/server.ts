import type { Server } from 'node:net'
import { serveVerbs } from '../verb-server.ts'
import type { HostParts } from './verb.ts'
import { VERBS } from './verbs/index.ts'

/** The root helper's socket. Rejects as serveVerbs does. */
export function serveHost(path: string, parts: HostParts, said: (text: string) => void): Promise<Server> {
  return serveVerbs(path, { verbs: VERBS, parts, quiet: new Set(['networkShow']), said })
}
