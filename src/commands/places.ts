// Which clusters a command means: brokers that take anybody, or uplinks of a settings file with their TLS and passwords.
import { BadInput } from '../core/errors.ts'
import { readChecked } from './check.ts'
import type { CommandContext, VerifiedPlace, VerifiedUplink } from './command.ts'

/** By --brokers, or --settings and --uplink. Throws BadInput that says which option is wrong. */
export async function placesOf(context: CommandContext): Promise<[VerifiedPlace, ...VerifiedPlace[]]> {
  const { brokers, settings } = context.options
  if (typeof brokers === 'string') return [{ brokers: brokersOf('--brokers', brokers) }]
  if (typeof settings === 'string') return uplinksOf(context, settings)
  throw new BadInput([{ where: '--brokers', text: 'is needed, or --settings: which cluster (--brokers localhost:9092)' }])
}

export function brokersOf(where: string, text: string): string[] {
  const list = text.split(',').map((it) => it.trim())
  const wrong = list.find((it) => !/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/.test(it))
  if (wrong === undefined) return list
  throw new BadInput([{ where, text: `"${wrong}" is not HOST:PORT` }])
}

/** The one cluster that is meant. Throws BadInput. */
export async function placeOf(context: CommandContext): Promise<VerifiedPlace> {
  const [place, ...more] = await placesOf(context)
  if (more.length > 0) throw new BadInput([{ where: '--uplink', text: 'must name one uplink' }])
  return place
}

/** The one uplink of a settings file that is meant. Throws BadInput. */
export async function uplinkOf(context: CommandContext, file: string): Promise<VerifiedUplink> {
  const [{ uplink }, ...more] = await uplinksOf(context, file)
  if (!uplink || more.length > 0) throw new BadInput([{ where: '--uplink', text: 'must name one uplink' }])
  return uplink
}

async function uplinksOf(context: CommandContext, file: string): Promise<[VerifiedPlace, ...VerifiedPlace[]]> {
  const { uplinks, classes, device } = (await readChecked(context, file)).settings
  const { uplink: given } = context.options
  const all = uplinks.length === 1 ? uplinks.map((it) => it.name) : ['']
  const names = typeof given === 'string' ? given.split(',').map((it) => it.trim()) : all
  const places = names.map((name): VerifiedPlace => {
    const found = uplinks.find((it) => it.name === name)
    if (!found) {
      const there = uplinks.map((it) => it.name).join(', ') || 'none'
      throw new BadInput([{ where: '--uplink', text: `must name an uplink of ${file}; there are: ${there}` }])
    }
    const { kind, settings, records, encoding } = found
    const uplink = { kind, settings, records, encoding, classes: classes.map((it) => it.name), site: device.site }
    return { brokers: [], uplink }
  })
  return places as [VerifiedPlace, ...VerifiedPlace[]]
}
