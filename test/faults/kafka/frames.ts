// What stands at the front of Kafka's frames: enough to know which call goes by, and whose it is.

/** The calls that the uplink makes, by their number in the protocol. */
export const APIS = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetFetch: 9,
  FindCoordinator: 10,
  SaslHandshake: 17,
  ApiVersions: 18,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
  DescribeConfigs: 32,
  SaslAuthenticate: 36,
} as const
export type Api = keyof typeof APIS

const NAMES = new Map<number, Api>(Object.entries(APIS).map(([name, key]) => [key, name as Api]))

export interface RequestHead {
  readonly api: Api | undefined
  readonly version: number
  readonly correlation: number
  readonly clientId: string
}

/** Of a frame without its length. */
export function requestHead(frame: Buffer): RequestHead {
  const length = frame.readInt16BE(8)
  return {
    api: NAMES.get(frame.readInt16BE(0)),
    version: frame.readInt16BE(2),
    correlation: frame.readInt32BE(4),
    clientId: length < 0 ? '' : frame.toString('utf8', 10, 10 + length),
  }
}

/** Cuts a stream into frames, each with its length in front. */
export function frameSplitter(): (chunk: Buffer) => Buffer[] {
  let parts: Buffer[] = []
  let have = 0
  return (chunk) => {
    parts.push(chunk)
    have += chunk.length
    const frames: Buffer[] = []
    while (have >= 4) {
      const first = parts[0] as Buffer
      const head = first.length >= 4 ? first : Buffer.concat(parts)
      const size = 4 + head.readInt32BE(0)
      if (have < size) break
      const all = parts.length === 1 ? first : Buffer.concat(parts)
      frames.push(all.subarray(0, size))
      parts = all.length > size ? [all.subarray(size)] : []
      have -= size
    }
    return frames
  }
}
