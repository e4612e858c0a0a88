// Runs `query` in this process over rows that the test makes.
import type { AgentApi } from '../../src/core/agent-api.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import type { Parts } from '../../src/commands/command.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

export async function queryHere(
  words: string,
  query: AgentApi['query'],
  isTerminal = false,
): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' }
  const output = (name: 'out' | 'err') => ({
    isTerminal,
    width: 80,
    write(text: string) {
      texts[name] += text
      return Promise.resolve()
    },
  })
  const status = await dispatch(words.split(' '), {
    out: output('out'),
    err: output('err'),
    env: {},
    signal: new AbortController().signal,
    parts: {} as Parts,
    version: '0',
    agent: () => handMadeAgent({ query }),
  })
  return { status, ...texts }
}
