// To a stick: receipts that lie on it are counted first, then what the uplink still does not have is written.
import type { ReceiptResult, ExportResult } from '../airgap/stick.ts'
import type { AirgapApi, Received } from '../core/airgap.ts'
import { EXPORT_FILE_BYTES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import { BYTES_ALLOWED, formatBytes, parseBytes } from '../core/units.ts'
import { readChecked } from './check.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { answers } from './log.ts'
import { progressOn } from './progress.ts'
import { document, lines, remedyLines, shortCount } from './text.ts'

/** A unit of the log is this large at most, and a file holds one at least. */
const FILE_BYTES_MIN = 1

export const exportCommand: Command = {
  name: 'export',
  role: 'operate',
  summary: 'what Kafka does not have, encrypted and signed, to a stick',
  arguments: ['DIR'],
  options: {
    uplink: { value: 'NAME', summary: 'whose lack; export.uplink of the settings where it is missing' },
    more: { summary: 'leave out what was given out before, on whatever stick' },
    receipts: { summary: 'count the receipts on the stick, write nothing' },
    'file-bytes': { value: 'SIZE', summary: 'of one file at most, 64MB where it is missing' },
    settings: { value: 'FILE', summary: 'where no agent runs: its settings' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
  },
  async run(context) {
    const dir = context.args[0] as string
    const { checkStick } = await import('../airgap/stick.ts')
    checkStick(dir)
    const fileBytesMax = fileBytesOf(context)
    return withBox(context, async (api) => {
      const { handInReceipts } = await import('../airgap/stick.ts')
      const box = await api.exportKey()
      const receipts = await handInReceipts(dir, api, box.device)
      const written = context.options.receipts ? undefined : await write(context, api, dir, fileBytesMax)
      if (context.json) await document(context, { ...box, receipts, ...written })
      else await lines(context.out, [...receipts.flatMap(receiptLines), ...(written ? writtenLines(written, dir) : [])])
      const isWell = receipts.every((it) => it.refused === undefined) && (written?.damaged ?? []).length === 0
      return isWell ? DONE : FAILED
    })
  },
}

async function write(context: CommandContext, api: AirgapApi, dir: string, fileBytesMax: number): Promise<ExportResult> {
  const { writeStick } = await import('../airgap/stick.ts')
  const { uplink, more } = context.options
  const progress = progressOn(context.err)
  const request = { ...(typeof uplink === 'string' && { uplink }), isMore: more === true, fileBytesMax }
  try {
    return await writeStick(dir, api, await api.exportKey(), request, progress.at, context.signal)
  } finally {
    progress.end()
  }
}

function fileBytesOf({ options }: CommandContext): number {
  const text = options['file-bytes']
  if (typeof text !== 'string') return EXPORT_FILE_BYTES_MAX
  const bytes = parseBytes(text)
  if (bytes !== undefined && bytes >= FILE_BYTES_MIN && bytes <= EXPORT_FILE_BYTES_MAX) return bytes
  throw new BadInput([{ where: '--file-bytes', text: `must be ${BYTES_ALLOWED}, at most ${formatBytes(EXPORT_FILE_BYTES_MAX)}` }])
}

/** Through the agent where one answers, else on the log itself. */
async function withBox<T>(context: CommandContext, use: (api: AirgapApi) => Promise<T>): Promise<T> {
  if (await answers(context)) return use(context.agent)
  const { settings: file } = context.options
  if (typeof file !== 'string')
    throw new BadInput([
      { where: '--settings', text: 'is needed where no agent runs', remedy: 'start the agent, or name its settings file' },
    ])
  const box = await context.parts.offlineExport(context.dir, (await readChecked(context, file)).settings)
  try {
    return await use(box)
  } finally {
    await box.close()
  }
}

function receiptLines({ file, received, refused, remedy }: ReceiptResult): string[] {
  if (received) return [`${file}: ${receivedText(received)}`]
  return [`${file}: does not count: ${refused}`, ...remedyLines(remedy, Number.POSITIVE_INFINITY)]
}

function receivedText({ counted, known, ignored }: Received): string {
  const rest = [
    ...(known > 0 ? [`${shortCount(known)} were known`] : []),
    ...(ignored > 0 ? [`${shortCount(ignored)} are of streams that are over`] : []),
  ]
  return [`${shortCount(counted)} delivered`, ...rest].join(', ')
}

function writtenLines({ files, bytes, readings, found, damaged }: ExportResult, dir: string): string[] {
  const text =
    files === 0 ? 'nothing more to write' : `${files} files, ${formatBytes(bytes)}, ${shortCount(readings)} readings written`
  return [
    `${dir}: ${text}${found > 0 ? `; ${found} files were there` : ''}`,
    ...damaged.map((it) => `${it}; what is in it has been written again`),
    ...(files + found > 0 ? ['delivered is what a receipt says: holdfast import where Kafka is, and bring the stick back'] : []),
  ]
}
