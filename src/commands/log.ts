// The log's commands: through the agent where one answers, else on the files themselves.
import { Unreachable } from '../core/errors.ts'
import type { CheckStep, FileCheck, FileDamage, LogApi } from '../core/log-files.ts'
import type { CommandContext } from './command.ts'
import { progressOn } from './progress.ts'
import { shortCount, table } from './text.ts'

export async function withLog<T>(context: CommandContext, use: (log: LogApi) => Promise<T>): Promise<T> {
  if (context.options.box !== undefined || (await answers(context))) return await use(context.agent)
  const log = await context.parts.log(context.dir)
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

export async function answers({ agent }: CommandContext): Promise<boolean> {
  try {
    await agent.status()
    return true
  } catch (error) {
    if (error instanceof Unreachable && error.code === 'agent-unreachable') return false
    throw error
  }
}

/** All steps, with progress meanwhile. */
export async function takeSteps(context: CommandContext, steps: AsyncIterable<CheckStep>): Promise<CheckStep[]> {
  const progress = progressOn(context.err)
  const taken: CheckStep[] = []
  try {
    for await (const it of steps) {
      taken.push(it)
      progress.at(it.all > 0 ? it.done / it.all : null, bytesText(it.done))
    }
  } finally {
    progress.end()
  }
  return taken
}

/** What is left of a block that was given up, or is not needed any more, stays in its segment until that goes: it harms nobody. */
export const isHarm = (it: FileDamage) => it.stream !== null || it.offset === null

const nameOf = ({ segment, class: name, form }: FileCheck) => (segment === null ? 'journal' : `${name}/${segment}.${form}`)

/** A line for each file; beneath it what is damaged in it. */
export function filesPage(steps: readonly CheckStep[]): string[] {
  const rows = steps.map(({ file }) => [
    nameOf(file),
    bytesText(file.bytes),
    shortCount(file.blocks),
    shortCount(file.readings),
    stateOf(file),
  ])
  const columns = [
    { title: 'file' },
    { title: 'bytes', align: 'right' },
    { title: 'blocks', align: 'right' },
    { title: 'readings', align: 'right' },
    { title: '' },
  ] as const
  const damage = steps.flatMap(({ file }) =>
    file.damage.map(
      (it) =>
        `${nameOf(file)}${it.offset === null ? '' : ` at byte ${it.offset}`}: ${it.what}${it.readings > 0 ? `, ${shortCount(it.readings)} readings` : ''}`,
    ),
  )
  return [...table(columns, rows), ...(damage.length > 0 ? ['', ...damage] : [])]
}

function stateOf({ damage }: FileCheck): string {
  const harm = damage.filter(isHarm).length
  return harm > 0 ? `${harm} damaged` : damage.length > 0 ? 'whole where it is needed' : 'whole'
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `1.2 MB`. */
export function bytesText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`
}
