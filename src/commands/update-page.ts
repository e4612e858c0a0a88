// How an update stands, as lines for a terminal.
import type { UpdateJobView, UpdateStatus } from '../core/update.ts'
import { formatBytes } from '../core/units.ts'
import type { CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { ago, document, lines, table } from './text.ts'

export async function showUpdate(context: CommandContext, now: UpdateStatus): Promise<number> {
  if (context.json) await document(context, now)
  else await lines(context.out, updatePage(now, Date.now() * 1000))
  return DONE
}

export function updatePage({ version, slots, job, checks, last, server, minimum }: UpdateStatus, now: number): string[] {
  const rows = slots.map((it) => [
    it.name,
    it.isBooted ? 'runs' : it.isNext ? 'next' : '-',
    it.isGood ? 'good' : 'not good',
    it.version ?? (it.isBooted ? version : '-'),
  ])
  return [
    `version ${version}${minimum ? `, nothing older than ${minimum.version} is installed` : ''}`,
    '',
    ...table(
      ['SLOT', 'BOOT', 'STATE', 'VERSION'].map((title) => ({ title })),
      rows,
    ),
    '',
    ...(job ? jobLines(job) : ['no update is under way']),
    ...(last ? [`last: ${last.version ?? '-'} ${last.outcome}, ${ago(last.at, now)}: ${last.text}`] : []),
    ...checks.map((it) => `  ${it.state.padEnd(8)} ${it.what}: ${it.text}`),
    ...(server ? serverLines(server, now) : ['the settings name no update server']),
  ]
}

function jobLines(job: UpdateJobView): string[] {
  return [`${job.name} (by ${job.by}): ${jobText(job)}`]
}

/** `fetch 41 %, 12 MB of 154 MB` */
export function jobText({ phase, share, bytes, bytesAll, text, wait, version }: UpdateJobView): string {
  const percent = share === null ? '' : ` ${Math.floor(share * 100)} %`
  const size = bytes > 0 ? `, ${formatBytes(bytes)}${bytesAll === null ? '' : ` of ${formatBytes(bytesAll)}`}` : ''
  const what = wait ? `, waits: ${wait.text}` : text && `, ${text}`
  return `${version === null ? '' : `${version} `}${phase}${percent}${size}${what}`
}

function serverLines({ url, lastContact, lastError, asks }: NonNullable<UpdateStatus['server']>, now: number): string[] {
  return [
    `server ${url}, asked ${ago(lastContact, now)}`,
    ...(lastError === null ? [] : [`  ${lastError}`]),
    ...(asks === null ? [] : [`  ${asks} waits for a confirmation: update confirm`]),
  ]
}
