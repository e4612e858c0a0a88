import { stringify } from 'yaml'
import { BadInput } from '../core/errors.ts'
import type { ScanFound, ScanStep } from '../core/scan.ts'
import { hostsOf } from '../core/scan.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { progressOn } from './progress.ts'
import { document, lines, printable, table, wrap } from './text.ts'
import { operation } from './operation.ts'
import { scanInput, scanStep } from './shapes/common.ts'

const look = operation({
  name: 'sources scan',
  access: 'technician',
  summary: 'find what could be a source: a host, or at most a /22',
  input: scanInput,
  output: scanStep,
  many: true,
  audited: ['address'],
  run: (input, { agent, signal }) => agent.scan(input, signal),
})

export const sourcesScan: Command = {
  name: 'sources scan',
  role: 'operate',
  summary: look.summary,
  arguments: ['ADDRESS'],
  options: { protocol: { value: 'P', summary: 'this one only, as it stands in the settings' } },
  async run(context) {
    const steps = await scan(context)
    const found = steps.flatMap((it) => it.found)
    if (context.json) await document(context, report(steps))
    else await lines(context.out, page(context, steps, found))
    return found.length > 0 || steps.some((it) => it.held.length > 0) ? DONE : FAILED
  },
  operation: look,
}

async function scan(context: CommandContext): Promise<ScanStep[]> {
  const [address] = context.args as [string]
  const { protocol } = context.options
  const hosts = hostsOf(address)
  if (typeof hosts === 'string') throw new BadInput([{ where: 'ADDRESS', text: hosts }])
  const progress = progressOn(context.err)
  const steps: ScanStep[] = []
  try {
    const request = { address, ...(typeof protocol === 'string' && { protocol }) }
    for await (const step of context.agent.scan(request, context.signal)) {
      steps.push(step)
      progress.at(step.done / step.all, `of ${step.all} hosts asked`)
    }
  } finally {
    progress.end()
  }
  return steps
}

function report(steps: readonly ScanStep[]) {
  const of = <K extends 'held' | 'failed'>(key: K) => steps.flatMap((it) => it[key].map((one) => ({ host: it.host, ...one })))
  return { asked: steps.length, found: steps.flatMap((it) => it.found), held: of('held'), failed: of('failed') }
}

function page({ out }: CommandContext, steps: readonly ScanStep[], found: readonly ScanFound[]): string[] {
  const held = steps.flatMap((it) =>
    it.held.map((by) => `${it.host} was not asked for ${by.protocol}: source ${by.source} reads it`),
  )
  const failed = steps.flatMap((it) => it.failed.map((why) => `${it.host}, ${why.protocol}: ${why.text}`))
  return [
    ...(found.length > 0
      ? foundTable(found, out.width)
      : [`nothing found on ${steps.length} host${steps.length === 1 ? '' : 's'}`]),
    ...[...held, ...failed].flatMap((it) => wrap(it, out.width)),
    ...(found.length > 0 ? ['', '# below sources: in the settings', ...found.flatMap(entryLines)] : []),
  ]
}

function foundTable(found: readonly ScanFound[], width: number): string[] {
  return table(
    [
      { title: 'ADDRESS', widthMax: 46 },
      { title: 'PROTOCOL', widthMax: 12 },
      { title: 'WHAT', widthMax: Math.max(20, width - 40) },
    ],
    found.map((it) => [it.address, it.protocol, it.detail]),
  )
}

function entryLines({ protocol, address, entry }: ScanFound): string[] {
  const name = `${protocol}-${address}`
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/-$/, '')
  const lines = Object.values(entry).some(Array.isArray) ? {} : { tags: [] }
  const text = stringify([{ name, protocol, ...entry, ...lines }], { lineWidth: 0 }).trimEnd()
  return text.split('\n').map(printable)
}
