// A range once more, to a topic of the cluster that the command came from, as `replay` sends it: marked as replayed, with the ids that it had. What a
// kill cut off is sent from its beginning again: whoever reads it keeps one of each id.
import type { z } from 'zod'
import type { QueryRequest } from '../../core/agent-api.ts'
import type { Doing, Kind, Outcome } from '../kind.ts'
import type { Held } from '../journal.ts'
import type { REPLAY } from '../parse.ts'

export interface ReplayParts {
  /** Resolves with how many were sent. Rejects with Unreachable. */
  replay(uplink: string, topic: string, request: Omit<QueryRequest, 'limit'>, signal: AbortSignal): Promise<number>
}

export function replayKind({ replay }: ReplayParts): Kind {
  async function send({ uplink, body }: Held, { signal }: Doing): Promise<Outcome> {
    const { tags, from, to, topic } = body as z.output<typeof REPLAY>
    const readings = await replay(uplink, topic, { tag: tags, from, to, origin: true }, signal)
    if (readings > 0) return { result: 'done', detail: { readings, topic } }
    return { result: 'failed', code: 'replay-nothing', reason: 'the log holds nothing of these tags in this range' }
  }
  return {
    async run(command, doing) {
      doing.begin({})
      return send(command, doing)
    },
    resume: send,
  }
}
