// Many topics in packets that a broker takes: one that is too long ends the connection.

/** Header, length, packet number, length of the properties. */
const PACKET_OVERHEAD_BYTES = 1 + 4 + 2 + 1
/** Of each topic in a packet, beside its text: its length, and how it is asked for. */
const TOPIC_OVERHEAD_BYTES = 2 + 1
/** Where the broker says nothing, or allows more. */
const PACKET_BYTES_MAX = 30_000

export interface PortionBounds {
  /** The broker's largest packet; absent: it names none. */
  readonly packetBytesMax?: number | undefined
  readonly topicsMax: number
}

/** The topics in their order, as many in a packet as it holds. `tooLong` are those that fit into none. */
export function portions(
  topics: readonly string[],
  { packetBytesMax = Infinity, topicsMax }: PortionBounds,
): { readonly packets: readonly (readonly string[])[]; readonly tooLong: readonly string[] } {
  const most = Math.min(packetBytesMax, PACKET_BYTES_MAX) - PACKET_OVERHEAD_BYTES
  const alone = packetBytesMax - PACKET_OVERHEAD_BYTES
  const packets: string[][] = []
  const tooLong: string[] = []
  let bytes = 0
  for (const topic of topics) {
    const size = Buffer.byteLength(topic) + TOPIC_OVERHEAD_BYTES
    const last = packets.at(-1)
    if (size > alone) tooLong.push(topic)
    else if (last && last.length < topicsMax && bytes + size <= most) {
      last.push(topic)
      bytes += size
    } else {
      packets.push([topic])
      bytes = size
    }
  }
  return { packets, tooLong }
}
