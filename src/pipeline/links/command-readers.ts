// Readers of commands, by the link that each was opened over: a reader is closed when its uplink's way is another one, or there is none any more.
import type { Route, Wait } from '../../core/admission.ts'
import { isSameRoute } from '../../core/admission.ts'
import type { CommandPlace, CommandReader } from '../../core/cloud-command.ts'
import { Unreachable } from '../../core/errors.ts'

export interface ReadersParts {
  /** The way that an uplink has now, outside of its windows too: these are for readings. Throws Unreachable where there is no such uplink. */
  way(uplink: string): Route | 'any' | Wait
  open(uplink: string, from: CommandPlace | undefined, route: Route | undefined): Promise<CommandReader>
}

export interface CommandReaders {
  /** Rejects with Unreachable. */
  open(uplink: string, from: CommandPlace | undefined): Promise<CommandReader>
  /** To be called each second. Whoever reads asks anew, and is told why there is no way. */
  look(): void
}

export function commandReaders({ way, open }: ReadersParts): CommandReaders {
  const opened = new Map<string, { readonly reader: CommandReader; readonly route: Route | undefined }>()

  function routeOf(uplink: string): Route | undefined {
    const now = way(uplink)
    if (now === 'any') return undefined
    if ('code' in now) throw new Unreachable(now.code, now.text)
    return now
  }

  function holds(uplink: string, route: Route | undefined): boolean {
    try {
      return isSameRoute(routeOf(uplink), route)
    } catch {
      return false
    }
  }

  return {
    async open(uplink, from) {
      const route = routeOf(uplink)
      const reader = await open(uplink, from, route)
      opened.set(uplink, { reader, route })
      return reader
    },
    look() {
      for (const [uplink, { reader, route }] of opened) {
        if (holds(uplink, route)) continue
        opened.delete(uplink)
        reader.close()
      }
    },
  }
}
