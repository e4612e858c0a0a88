// PUBACKs that wait for the disk, in the order in which their messages came (MQTT asks for that order). A mark is a place in that order:
// all before it is released at once, as one piece of bytes. On a new connection all are forgotten: the broker sends those messages again.

export interface Mark {
  readonly connection: number
  upTo: number
}

export interface Held {
  hold(packetId: number): void
  /** How many wait. */
  count(): number
  /** Where the order is now. */
  mark(): Mark
  /** The PUBACK packets up to a mark, undefined when there are none or the connection has gone. */
  release(mark: Mark): Uint8Array | undefined
  forget(): void
}

export function newHeld(): Held {
  let connection = 0
  let ids: number[] = []
  let releasedCount = 0

  return {
    hold: (packetId) => void ids.push(packetId),
    count: () => ids.length,
    mark: () => ({ connection, upTo: releasedCount + ids.length }),
    release(mark) {
      const count = mark.upTo - releasedCount
      if (mark.connection !== connection || count <= 0) return undefined
      releasedCount = mark.upTo
      return pubacks(ids.splice(0, count))
    },
    forget() {
      connection++
      ids = []
      releasedCount = 0
    },
  }
}

/** The same bytes in 3.1.1 and 5, where success without properties may leave both out. */
function pubacks(ids: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(ids.length * 4)
  for (let at = 0; at < ids.length; at++) {
    bytes.writeUInt16BE(0x4002, at * 4)
    bytes.writeUInt16BE(ids[at] as number, at * 4 + 2)
  }
  return bytes
}
