// All readings and aggregates of the log in one file: NDJSON as `query` writes it, with device and epoch, by zstd.
import { once } from 'node:events'
import { createZstdCompress } from 'node:zlib'
import type { LogApi } from '../core/log-files.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import type { Sink } from './formats/format.ts'
import { ndjson } from './formats/json.ts'
import { fileSink } from './formats/sinks.ts'
import { withLog } from './log.ts'
import type { Progress } from './progress.ts'
import { progressOn } from './progress.ts'
import { document, lines, shortCount } from './text.ts'

export const logExport: Command = {
  name: 'log export',
  role: 'view',
  summary: 'all readings as one file, NDJSON by zstd',
  arguments: ['FILE'],
  options: {},
  async run(context) {
    const file = context.args[0] as string
    const rows = await withLog(context, (log) => exportTo(context, log, file))
    if (context.json) await document(context, { file, rows })
    else await lines(context.out, [`${shortCount(rows)} readings and aggregates in ${file}`])
    return DONE
  },
}

async function exportTo(context: CommandContext, log: LogApi, file: string): Promise<number> {
  const progress = progressOn(context.err)
  const sink = await fileSink(file)
  try {
    const packed = packedBy(sink)
    const rows = await writeRows(context, log, packed.sink, progress)
    await packed.end()
    await sink.end()
    return rows
  } catch (error) {
    await sink.discard()
    throw error
  } finally {
    progress.end()
  }
}

async function writeRows({ signal }: CommandContext, log: LogApi, sink: Sink, progress: Progress): Promise<number> {
  const writer = await ndjson.open(sink)
  let rows = 0
  for await (const part of log.logExport(signal)) {
    for (const row of part.rows) {
      const full = writer.add(row)
      if (full) await full
    }
    rows += part.rows.length
    progress.at(part.all > 0 ? part.done / part.all : null, `${shortCount(rows)} rows`)
  }
  signal.throwIfAborted()
  await writer.end()
  return rows
}

/** What is written comes out compressed, into `sink`. */
function packedBy(sink: Sink): { readonly sink: Sink; end(): Promise<void> } {
  const zstd = createZstdCompress()
  const through = (async () => {
    for await (const chunk of zstd as AsyncIterable<Buffer>) await sink.write(chunk)
  })()
  // It is waited for at the end; what fails before that must not be an error that nobody sees.
  through.catch(() => zstd.destroy())
  return {
    sink: {
      async write(chunk) {
        if (!zstd.write(chunk)) await Promise.race([once(zstd, 'drain'), through])
      },
      end: async () => undefined,
      discard: async () => undefined,
    },
    async end() {
      zstd.end()
      await through
    },
  }
}
