import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext, ImportedBox, ImportRequest, ImportResult } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { brokersOf, uplinkOf } from './places.ts'
import { progressOn } from './progress.ts'
import { document, lines, remedyLines, shortCount } from './text.ts'

const NEEDED = [
  { key: 'identity', what: 'the file of the age identity that the export was written for (import DIR --new-keys makes one)' },
  { key: 'box-key', what: 'whose exports are trusted (holdfast export key on the box prints it)' },
] as const

export const importCommand: Command = {
  name: 'import',
  role: 'local',
  summary: 'files of an export into Kafka, exactly once',
  arguments: ['FILE…'],
  options: {
    brokers: { value: 'HOST:PORT,…', summary: 'a cluster that takes anybody' },
    settings: { value: 'FILE', summary: 'or: the cluster, with TLS, password and topics, of an uplink in this file' },
    values: { value: 'FILE', summary: 'values for { var: NAME } in it' },
    uplink: { value: 'NAME', summary: 'which uplink of the settings, where there are several' },
    identity: { value: 'FILE', summary: 'the age identity that decrypts' },
    'box-key': { value: 'DEVICE=KEY,…', summary: 'boxes that are trusted' },
    'receipt-key': { value: 'FILE', summary: 'signs a receipt; without it there is none, and the box keeps all' },
    'receipts-to': { value: 'DIR', summary: 'where receipts go; beside the first file where it is missing' },
    'new-keys': { summary: 'make identity and receipt key in the folder FILE instead' },
  },
  async run(context) {
    if (context.options['new-keys']) return makeKeys(context)
    const progress = progressOn(context.err)
    const result = await context.parts
      .import(
        { ...(await requestOf(context)), progress: progress.at, retried: (why) => progress.at(null, `tries again: ${why}`) },
        context.signal,
      )
      .finally(() => progress.end())
    if (context.json) await document(context, result)
    else if (result.boxes.length > 0) await lines(context.out, page(result))
    if (!context.json && result.refused.length > 0)
      await lines(
        context.err,
        result.refused.flatMap((it) => [`error ${it.where}: ${it.text}`, ...remedyLines(it.remedy, Number.POSITIVE_INFINITY)]),
      )
    return result.refused.length > 0 ? FAILED : DONE
  },
}

async function requestOf(context: CommandContext): Promise<Omit<ImportRequest, 'progress' | 'retried'>> {
  const { options } = context
  const missing = NEEDED.filter(({ key }) => typeof options[key] !== 'string')
  if (missing.length > 0) throw new BadInput(missing.map(({ key, what }) => ({ where: `--${key}`, text: `is needed: ${what}` })))
  const optional = (key: string) => (typeof options[key] === 'string' ? options[key] : undefined)
  return {
    paths: context.args,
    uplink: await destinationOf(context),
    identity: String(options.identity),
    boxKeys: boxKeysOf(String(options['box-key'])),
    receiptKey: optional('receipt-key'),
    receipts: optional('receipts-to'),
  }
}

async function destinationOf(context: CommandContext): Promise<ImportRequest['uplink']> {
  const { brokers, settings } = context.options
  if (typeof settings === 'string') return uplinkOf(context, settings)
  if (typeof brokers !== 'string')
    throw new BadInput([{ where: '--brokers', text: 'is needed, or --settings: where to write to (--brokers localhost:9092)' }])
  const kind = 'kafka'
  const own = { brokers: brokersOf('--brokers', brokers), insecure: 'brokers of the command line' }
  const schema = (await context.parts.schemas()).uplinkKinds[kind]
  return { kind, settings: schema?.parse(own) }
}

function boxKeysOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').map((it) => /^([^=]+)=(ed25519:[A-Za-z0-9_-]{43})$/.exec(it.trim()))
  if (pairs.some((it) => it === null))
    throw new BadInput([{ where: '--box-key', text: 'must be DEVICE=ed25519:… as holdfast export key on the box prints it' }])
  return new Map(pairs.map((it) => [it?.[1] ?? '', it?.[2] ?? '']))
}

async function makeKeys(context: CommandContext): Promise<number> {
  const keys = await (await import('../airgap/new-keys.ts')).makeKeys(context.args[0] as string)
  if (context.json) await document(context, keys)
  else
    await lines(context.out, [
      `${keys.identity}: decrypts; keep it, and a copy: without it nobody reads what was written for it`,
      `${keys.receiptKey}: signs receipts; whoever has it can have readings deleted from a box`,
      'for the settings of the box:',
      `export: { to: [${keys.to}], receipts: "${keys.receipts}", uplink: NAME }`,
    ])
  return DONE
}

function page({ boxes, receipts }: ImportResult): string[] {
  return [
    ...boxes.map(boxLine),
    ...receipts.map((it) => `${it}: the receipt; bring it to the box (holdfast export DIR reads it)`),
  ]
}

function boxLine({ device, uplink, readings, there, files }: ImportedBox): string {
  const count = Object.keys(files).length
  const before = there > 0 ? `, ${shortCount(there)} were there` : ''
  return `${device}, uplink ${uplink}: ${shortCount(readings)} readings sent${before}, of ${count} ${count === 1 ? 'file' : 'files'}`
}
