// Runs a command in this process, with parts that the test hands in.
import type { AgentApi } from '../../src/core/agent-api.ts'
import type { Parts } from '../../src/commands/command.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

export async function runHere(
  words: string,
  parts: Partial<Parts> = {},
  env: Record<string, string> = {},
  agent: (dir: string) => AgentApi = () => handMadeAgent(),
) {
  const texts = { out: '', err: '' }
  const output = (name: 'out' | 'err') => ({
    isTerminal: false,
    width: 80,
    write(text: string) {
      texts[name] += text
      return Promise.resolve()
    },
  })
  const absent = () => Promise.reject(new Error('this test hands no such part in'))
  const status = await dispatch(words.split(' '), {
    out: output('out'),
    err: output('err'),
    env,
    signal: new AbortController().signal,
    parts: {
      schemas: () => Promise.resolve(settingsSchemas),
      agent: absent,
      panel: absent,
      standardInput: absent,
      plant: absent,
      verify: absent,
      unpack: absent,
      unpackFiles: absent,
      replay: absent,
      log: absent,
      host: absent,
      connectHost: absent,
      scorer: absent,
      updater: absent,
      connectUpdater: absent,
      certificates: absent,
      console: absent,
      import: absent,
      offlineExport: absent,
      ...parts,
    },
    version: '0',
    agent,
  })
  return { status, ...texts }
}
