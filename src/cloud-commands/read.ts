// Reading what the cloud says, uplink by uplink: a page of the topic goes into the journal with the place behind it, then the next is asked for.
import type { CommandPlace, CommandReader, CommandSettings } from '../core/cloud-command.ts'
import type { Journal } from './journal.ts'
import { parseCommand } from './parse.ts'
import { refusalEvents } from './run.ts'

export interface ReadParts {
  readonly journal: Journal
  /** Rejects with Unreachable. */
  open(uplink: string, from: CommandPlace | undefined): Promise<CommandReader>
  now(): number
  isTrusted(): boolean
  /** Commands were taken. */
  taken(): void
  /** Records that nobody can read. */
  unreadable(uplink: string, count: number): void
  /** There is no room for more: resolves when there may be. */
  room(signal: AbortSignal): Promise<void>
}

/** Until the signal aborts, or it rejects: whoever calls it tries again. `heard`: the topic can be read. */
export async function readCommands(
  uplink: string,
  { topic, kinds }: CommandSettings,
  parts: ReadParts,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { journal } = parts
  const reader = await parts.open(uplink, journal.place(uplink, topic))
  const close = () => reader.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    while (!signal.aborted) {
      const { place, records, unreadable, isFetched } = await reader.next()
      if (isFetched) heard()
      // Heard before there is room: what waits for it, a change of settings to be kept, is what fills the journal.
      await parts.room(signal)
      if (signal.aborted) break
      const now = parts.now()
      const found = records.map((it) => parseCommand(it.value, `${topic}/${it.partition}@${it.offset}`, kinds))
      journal.take(uplink, topic, place, found, now, refusalEvents(uplink, now, parts.isTrusted()))
      if (unreadable > 0) parts.unreadable(uplink, unreadable)
      if (found.length > 0) parts.taken()
    }
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}
