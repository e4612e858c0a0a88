// A message that the broker answers by cutting the connection, as MQTT 3.1.1 has it for all that it does not take, would stop all others for ever. After
// a cut those that were under way go one at a time, so that the next cut says which it was; one that is met twice so is refused for good. All others go
// together again. Kept on disk: each cut ends an uplink, and perhaps the agent.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { streamKey } from '../../core/stream.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import type { Message } from './messages.ts'

/** Cuts with nothing else under way. */
const CUTS_MAX = 2
/** What is refused is told with the next failure or success: more than a few never wait for that. */
const REFUSED_MAX = 1_000

const placeSchema = z.strictObject({ stream: z.string(), sequence: z.number() })
const noteSchema = z.strictObject({
  /** The first that had no answer at the last cut. */
  first: placeSchema.extend({ cuts: z.number() }),
  refused: z.array(placeSchema),
})
type Place = z.output<typeof placeSchema>
type Note = z.output<typeof noteSchema>

/** Messages that go one at a time, or together. */
export interface Portion {
  readonly messages: readonly Message[]
  readonly isAlone: boolean
}

export interface Suspicion {
  /** In their order; `underWayMax` is how many may have been under way at the last cut. */
  portions(messages: readonly Message[], underWayMax: number): readonly Portion[]
  isRefused(message: Message): boolean
  /** The connection was cut while this one was the first without an answer, and was alone or not. */
  cut(first: Message, isAlone: boolean): void
  /** A transaction went through. */
  clear(): void
}

/** Without a folder for it nothing is suspected. */
export function suspicionOf({ name, cacheDir }: Pick<UplinkContext, 'name' | 'cacheDir'>): Suspicion {
  const file = cacheDir === undefined ? undefined : join(cacheDir, `mqtt-${name}-cut.json`)
  let note = file === undefined ? undefined : readNote(file)
  return {
    portions(messages, underWayMax) {
      if (!note) return [{ messages, isAlone: false }]
      const { first } = note
      const at = messages.findIndex((it) => isAt(it, first))
      // It comes in another order now, or with others: any may be the one.
      if (at < 0) return [{ messages, isAlone: true }]
      const end = at + underWayMax
      return [
        { messages: messages.slice(0, at), isAlone: false },
        { messages: messages.slice(at, end), isAlone: true },
        { messages: messages.slice(end), isAlone: false },
      ]
    },
    isRefused: (message) => note?.refused.some((it) => isAt(message, it)) === true,
    cut(first, isAlone) {
      if (file === undefined) return
      note = noteOf(note, first, isAlone)
      writeNote(file, note)
    },
    clear() {
      if (file === undefined || note === undefined) return
      note = undefined
      rmSync(file, { force: true })
    },
  }
}

function isAt({ stream, sequence }: Message, place: Place): boolean {
  return sequence === place.sequence && streamKey(stream) === place.stream
}

function noteOf(before: Note | undefined, message: Message, isAlone: boolean): Note {
  const place = { stream: streamKey(message.stream), sequence: message.sequence }
  const met = before && isAt(message, before.first) ? before.first.cuts : 0
  const cuts = isAlone ? met + 1 : 0
  const refused = before?.refused ?? []
  return { first: { ...place, cuts }, refused: cuts < CUTS_MAX ? refused : [...refused, place].slice(-REFUSED_MAX) }
}

function readNote(file: string): Note | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data
  } catch {
    return undefined
  }
}

/** Where it cannot be written the next connection begins as if nothing had been. */
function writeNote(file: string, note: Note): void {
  try {
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, JSON.stringify(note))
  } catch {
    // The disk is full: no reason to stop sending.
  }
}
