// A range once more, to a topic of the cluster that the command came from, as `replay` sends it: marked as replayed, with the ids that it had. What a
// kill cut off is sent from its beginning again: whoever reads it keeps one of each id.
import type { z } from 'zod'
import type { QueryRequest } from '../../core/agent-api.ts'
import type { Doing, Kind, Outcome } from '../kind.ts'
import type { Held } from '../journal.ts'
import type { REPLAY } from '../parse.ts'

export interface ReplayParts {
  /** Topics that this box has a use for, with {class} and {site} in them. */
  topics(): readonly string[]
  classes(): readonly string[]
  /** Resolves with how many were sent. Rejects with Unreachable, or with BadInput where they never go. */
  replay(uplink: string, topic: string, request: Omit<QueryRequest, 'limit'>, signal: AbortSignal): Promise<number>
}

export function replayKind({ topics, classes, replay }: ReplayParts): Kind {
  /** Whoever reads those takes each record for a new one, or for a command. */
  function refused({ body }: Held): Outcome | undefined {
    const { topic } = body as z.output<typeof REPLAY>
    if (!topics().some((it) => patternOf(it, classes()).test(topic))) return undefined
    return { result: 'refused', code: 'replay-own-topic', reason: `${topic} is a topic that an uplink of this box uses itself` }
  }

  async function send({ uplink, body }: Held, { signal }: Doing): Promise<Outcome> {
    const { tags, from, to, topic } = body as z.output<typeof REPLAY>
    const readings = await replay(uplink, topic, { tag: tags, from, to, origin: true }, signal)
    if (readings > 0) return { result: 'done', detail: { readings, topic } }
    return { result: 'failed', code: 'replay-nothing', reason: 'the log holds nothing of these tags in this range' }
  }
  return {
    async run(command, doing) {
      const early = refused(command)
      if (early) return early
      doing.begin({})
      return send(command, doing)
    },
    resume: async (command, doing) => refused(command) ?? send(command, doing),
  }
}

/** `{class}` stands for one of the box's classes; at which site it is may change, so `{site}` for any. */
function patternOf(template: string, classes: readonly string[]): RegExp {
  const parts = template.split(/(\{class\}|\{site\})/).map((it) => {
    if (it === '{class}') return `(${classes.map(escaped).join('|')})`
    return it === '{site}' ? '[a-zA-Z0-9._-]*' : escaped(it)
  })
  return new RegExp(`^${parts.join('')}$`)
}

function escaped(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9_-]/g, String.raw`\$&`)
}
