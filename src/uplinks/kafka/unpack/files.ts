// `unpack --files`: files that boxes sent in parts, out of the records of a topic, whether these are blocks or readings in JSON.
//
//   topic (committed records, from its beginning) ─► parts ─► DIR/.parts/… ─► whole, and its hash is right ─► DIR/name
//
// It leaves nothing behind at the cluster, and may be run again: a file that is there already, to the byte, is not written again.
import type { KafkaAccess } from '../../../clients/kafka/access.ts'
import { asUnreachable } from '../../../clients/kafka/access.ts'
import { forEachRecord } from '../../../clients/kafka/batches.ts'
import { kafkaClient } from '../../../clients/kafka/client.ts'
import { partitionReader } from '../../../clients/kafka/fetch.ts'
import { decodeBlock } from '../../../columns/index.ts'
import { Unreachable } from '../../../core/errors.ts'
import { unpackFilePart } from '../../../core/file-parts.ts'
import { NO_VALUE } from '../../../core/reading.ts'
import type { Logger } from '../../../core/source.ts'
import type { FilesReport } from '../../../core/unpack.ts'
import { decodeEnvelope, isEnvelope } from '../block-envelope.ts'
import { fileWriter } from './file-writer.ts'

export interface UnpackFilesOptions extends KafkaAccess {
  readonly topic: string
  /** Where files go. */
  readonly dir: string
  readonly signal: AbortSignal
  onProgress(done: number, all: number): void
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
/** "HFF1" in base64, as far as whole bytes of it go. */
const JSON_BEGIN = 'SEZGM'

/** Resolves when all is read that is there now. Rejects with Unreachable. */
export async function unpackFiles({ topic, dir, signal, onProgress, ...access }: UnpackFilesOptions): Promise<FilesReport> {
  const client = kafkaClient(access, { clientId: 'holdfast-unpack-files', log: SILENT })
  const files = fileWriter(dir)
  try {
    const reader = await partitionReader(client, signal)
    const spans = await reader.spans(topic)
    if (!spans) throw new Unreachable('topic-missing', `${topic}: there is no such topic`, { remedy: 'name it with --from' })
    await reader.read({
      spans,
      onBatch: (_topic, _partition, batch) => {
        signal.throwIfAborted()
        forEachRecord(batch, ({ bytes, valueAt, valueLength }) => {
          if (valueLength < 0) return
          for (const it of bytesIn(bytes.subarray(valueAt, valueAt + valueLength))) {
            const part = unpackFilePart(it)
            if (part) files.add(part)
          }
        })
      },
      onProgress,
    })
    return files.end()
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

/** Values of bytes in a record. */
function bytesIn(value: Buffer): readonly Uint8Array[] {
  if (isEnvelope(value)) return bytesInBlock(value)
  const start = value.indexOf(JSON_BEGIN)
  if (start < 0) return []
  const text = valueBytesOf(value)
  return text === undefined ? [] : [Buffer.from(text, 'base64')]
}

function valueBytesOf(value: Buffer): string | undefined {
  try {
    const { value_bytes: found } = JSON.parse(value.toString('utf8')) as { value_bytes?: unknown }
    return typeof found === 'string' ? found : undefined
  } catch {
    return undefined
  }
}

function bytesInBlock(value: Buffer): Uint8Array[] {
  const { stream, series, block } = decodeEnvelope(value)
  if (stream.form !== 'raw' || !series.some((it) => it.kind === 'bytes')) return []
  const kinds = new Map(series.map((it) => [it.id, it.kind]))
  const decoded = decodeBlock(block)
  const words = new Uint32Array(decoded.value.buffer)
  const found: Uint8Array[] = []
  let at = 0
  for (const [run, count] of decoded.runs.entries()) {
    const isBytes = kinds.get(decoded.seriesIds[run] as number) === 'bytes'
    for (const end = at + count; at < end; at++) {
      if (!isBytes || ((decoded.quality[at] as number) & NO_VALUE) !== 0) continue
      const from = words[at * 2] as number
      found.push(decoded.bytes.subarray(from, from + (words[at * 2 + 1] as number)))
    }
  }
  return found
}
