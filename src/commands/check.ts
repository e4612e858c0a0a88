import { BadInput } from '../core/errors.ts'
import type { CheckedSettings } from '../settings/read.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, WRONG_USAGE } from './command.ts'
import { document, lines, painter, remedyLines, wrap } from './text.ts'

const NOT_LOOKED_AT = 'The secrets were not looked at: only the user of the agent may read them.'
/** Shown where the settings name no device: the box draws its id on first start. */
const DEVICE_NOT_DRAWN = 'drawn-on-first-start'

export const check: Command = {
  name: 'check',
  role: 'local',
  summary: 'check a settings file: every problem with line and remedy',
  arguments: ['FILE'],
  options: { values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" } },
  async run(context) {
    try {
      const { readSettings } = await import('../settings/read.ts')
      const { lookAtSecrets } = await import('../settings/secrets.ts')
      const secrets = await lookAtSecrets(context.dir, context.env)
      const checked = await readSettings(context.args[0] as string, { ...(await surroundings(context)), secrets })
      if (context.json)
        await document(context, { ok: true, problems: [], notInForce: checked.notInForce, issues: checked.issues })
      else await lines(context.out, [...page(context, checked), ...(secrets.isSealed ? [NOT_LOOKED_AT] : [])])
      return DONE
    } catch (error) {
      if (!(error instanceof BadInput) || !context.json) throw error
      await document(context, { ok: false, problems: error.problems, notInForce: [], issues: [] })
      return WRONG_USAGE
    }
  },
}

/** The settings of a file that the box runs by, with the secrets of the data directory. */
export async function readChecked(context: CommandContext, file: string): Promise<CheckedSettings> {
  const { readSettings } = await import('../settings/read.ts')
  return readSettings(file, { ...(await withSecrets(context)), ranBefore: true })
}

/** As the settings of a file would be, were this its text. */
export async function checkedText(context: CommandContext, text: string, file: string): Promise<CheckedSettings> {
  const { checkText } = await import('../settings/read.ts')
  return checkText(text, file, await withSecrets(context))
}

async function withSecrets(context: CommandContext) {
  const { openSecrets } = await import('../settings/secrets.ts')
  return { ...(await surroundings(context)), secrets: await openSecrets(context.dir, context.env) }
}

async function surroundings(context: CommandContext) {
  const { values } = context.options
  return {
    schemas: await context.parts.schemas(),
    deviceId: DEVICE_NOT_DRAWN,
    ...(typeof values === 'string' && { valuesFile: values }),
  }
}

function page(context: CommandContext, checked: CheckedSettings): string[] {
  const { settings, notInForce, issues } = checked
  const paint = painter(context.out, context.env)
  const { width } = context.out
  const file = context.args[0] as string
  const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
  const parts = [
    count(settings.classes.length, 'class', 'classes'),
    count(settings.sources.length, 'source'),
    count(settings.uplinks.length, 'uplink'),
  ]
  return [
    `${paint('green', 'OK')}  ${file}: device ${settings.device.id}, ${parts.join(', ')}`,
    ...notInForce.flatMap((it) => [
      `${file}:${it.line} ${it.path}: ${paint('yellow', 'not in force yet')}`,
      ...wrap(it.text, width, '    '),
    ]),
    ...issues.flatMap((it) => [...wrap(`${it.severity}: ${it.text}`, width), ...remedyLines(it.remedy, width)]),
  ]
}
