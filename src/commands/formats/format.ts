// A query's rows as bytes. A format is handed a sink, and rows one after the other; it holds little of them.
import type { QueryRow } from '../../core/agent-api.ts'

/** Where bytes go: standard output, or a file. */
export interface Sink {
  /** Resolves once there is room for more. */
  write(chunk: string | Uint8Array): Promise<void>
  /** All is there: a file gets its name. */
  end(): Promise<void>
  /** It came to nothing: a file goes. */
  discard(): Promise<void>
}

export interface RowWriter {
  /** A promise only where somebody has to wait. */
  add(row: QueryRow): Promise<void> | undefined
  /** Writes what is left; the sink stays open. */
  end(): Promise<void>
}

export interface Format {
  /** Bytes that no terminal can show. */
  readonly isBinary: boolean
  open(sink: Sink): Promise<RowWriter>
}

/** Text is handed on in pieces of so many characters. */
const CHUNK_CHARS = 65_536

interface TextFormat {
  readonly head: string
  row(row: QueryRow, index: number): string
  foot(rows: number): string
}

/** `begin` is called for each output anew. */
export function textFormat(begin: () => TextFormat): Format {
  return {
    isBinary: false,
    open(sink) {
      const { head, row, foot } = begin()
      let rows = 0
      let pending = head
      const flush = (): Promise<void> => {
        const chunk = pending
        pending = ''
        return sink.write(chunk)
      }
      const writer: RowWriter = {
        add(it) {
          pending += row(it, rows++)
          return pending.length < CHUNK_CHARS ? undefined : flush()
        },
        async end() {
          pending += foot(rows)
          if (pending !== '') await flush()
        },
      }
      return Promise.resolve(writer)
    },
  }
}
