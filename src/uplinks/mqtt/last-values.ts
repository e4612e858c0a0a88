// Which readings the broker keeps (retained): of each topic the newest, and never an older one over a newer one, whatever comes again after a doubt or
// out of the backlog. What is newest is asked of the broker itself, once for each topic and connection: it outlives us, and we outlive it.

/** What a reading says of its place. */
export interface Told {
  /** `streamKey`. */
  readonly stream: string
  readonly sequence: number
  /** Source time, µs. */
  readonly time: number
}

/** Whether the reading may take the place of the one that the broker keeps. */
function isNewer(it: Told, kept: Told, now: number): boolean {
  if (it.stream === kept.stream && it.sequence < kept.sequence) return false
  // A time that lies ahead is that of a clock that was wrong: it must not hold its place until then.
  return it.time >= kept.time || kept.time > now
}

/** Of a payload that the broker kept; undefined where it is none of ours. */
function toldBy(payload: Buffer, device: string): Told | undefined {
  const it = jsonOf(payload)
  if (typeof it !== 'object' || it === null) return undefined
  const { ts, seq, epoch, class: name, device: from } = it as Record<string, unknown>
  if (typeof ts !== 'number' || typeof seq !== 'number' || typeof epoch !== 'string' || typeof name !== 'string') return undefined
  return { stream: `${String(from ?? device)}:${epoch}:${name}:raw`, sequence: seq, time: ts }
}

function jsonOf(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch {
    return undefined
  }
}

export interface Candidate {
  readonly topic: string
  readonly told?: Told
}

export interface LastValues {
  /** Topics of which it is not known what the broker keeps. */
  unknown(candidates: readonly Candidate[]): string[]
  /** What the broker keeps of these topics; a topic that is not in `kept` has nothing. */
  learn(topics: readonly string[], kept: ReadonlyMap<string, Buffer>): void
  /** The candidates that are to be kept, one a topic at most; from now on they are what the broker has. */
  choose<T extends Candidate>(candidates: readonly T[], now: number): ReadonlySet<T>
}

export function lastValues(device: string): LastValues {
  const known = new Map<string, Told | undefined>()
  return {
    unknown(candidates) {
      const topics = new Set(candidates.flatMap((it) => (it.told && !known.has(it.topic) ? [it.topic] : [])))
      return [...topics]
    },
    learn(topics, kept) {
      for (const topic of topics) {
        const payload = kept.get(topic)
        known.set(topic, payload && toldBy(payload, device))
      }
    },
    choose(candidates, now) {
      const chosen = new Map<string, (typeof candidates)[number]>()
      for (const it of candidates) {
        const last = known.get(it.topic)
        if (!it.told || (last && !isNewer(it.told, last, now))) continue
        known.set(it.topic, it.told)
        chosen.set(it.topic, it)
      }
      return new Set(chosen.values())
    },
  }
}
