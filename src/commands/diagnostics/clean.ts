// Secrets out of the files of the archive. What is in the store only the agent knows, where its file is another user's: it is asked to take that out;
// what looks like a secret goes here.
import type { AgentApi } from '../../core/agent-api.ts'
import { CLEANED_CHARS_MAX } from '../../core/bounds.ts'
import { withoutSecretLooking, withoutSecrets } from '../../core/redact.ts'

export interface Cleaner {
  clean(text: string): Promise<string>
  /** Why texts of the store may have stayed; undefined: none has. */
  whyNot(): string | undefined
}

const PIECE_CHARS = CLEANED_CHARS_MAX / 4

/** `known`: the texts of the store; undefined where we may not read it. */
export function cleaner(agent: Pick<AgentApi, 'withoutSecrets'>, others: readonly string[], known?: readonly string[]): Cleaner {
  const withoutKnown = withoutSecrets([...others, ...(known ?? [])])
  let failure: string | undefined
  const byAgent = async (text: string): Promise<string> => {
    const cleaned: string[] = []
    for (const it of pieces(text)) cleaned.push(await agent.withoutSecrets(it))
    return cleaned.join('')
  }
  return {
    async clean(text) {
      // Once is enough: it may hang, and there is much to clean.
      const asked =
        failure !== undefined
          ? text
          : await byAgent(text).catch((error: Error) => {
              failure = error.message
              return text
            })
      return withoutSecretLooking(withoutKnown(asked))
    },
    whyNot: () => (known === undefined ? failure : undefined),
  }
}

/** Whole lines: a secret that has several is looked for in each. */
function* pieces(text: string): Iterable<string> {
  for (let at = 0; at < text.length; ) {
    const end = endOfPiece(text, at)
    yield text.slice(at, end)
    at = end
  }
}

function endOfPiece(text: string, at: number): number {
  if (text.length - at <= PIECE_CHARS) return text.length
  const end = text.lastIndexOf('\n', at + PIECE_CHARS - 1) + 1
  return end > at ? end : text.indexOf('\n', at) + 1 || text.length
}
