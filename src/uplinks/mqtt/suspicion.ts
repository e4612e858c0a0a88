// A message that the broker answers by cutting the connection, as MQTT 3.1.1 has it for all that it does not take, would stop all others for ever. After
// a cut messages go one at a time, so that the next cut says which it was; one that is met twice so is refused for good. Kept on disk: each cut ends an
// uplink, and perhaps the agent.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { streamKey } from '../../core/stream.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import type { Message } from './messages.ts'

/** Cuts with nothing else under way. */
const CUTS_MAX = 2

const noteSchema = z.strictObject({ stream: z.string(), sequence: z.number(), cuts: z.number() })
type Note = z.output<typeof noteSchema>

export interface Suspicion {
  /** One message at a time. */
  isCareful(): boolean
  isRefused(message: Message): boolean
  /** The connection was cut while this one was the first without an answer. */
  cut(first: Message): void
  /** A transaction went through. */
  clear(): void
}

/** Without a folder for it nothing is suspected. */
export function suspicionOf({ name, cacheDir }: Pick<UplinkContext, 'name' | 'cacheDir'>): Suspicion {
  const file = cacheDir === undefined ? undefined : join(cacheDir, `mqtt-${name}-cut.json`)
  let note = file === undefined ? undefined : readNote(file)
  const isSame = (it: Message) => it.sequence === note?.sequence && streamKey(it.stream) === note.stream
  return {
    isCareful: () => note !== undefined,
    isRefused: (message) => note !== undefined && note.cuts >= CUTS_MAX && isSame(message),
    cut(first) {
      if (file === undefined) return
      const cuts = note === undefined ? 0 : isSame(first) ? note.cuts + 1 : 1
      note = { stream: streamKey(first.stream), sequence: first.sequence, cuts }
      writeNote(file, note)
    },
    clear() {
      if (file === undefined || note === undefined) return
      note = undefined
      rmSync(file, { force: true })
    },
  }
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
