// A plant on this machine, read by a box through its plant port.
import { parse, stringify } from 'yaml'
import type { NetworkNow } from '../../src/core/host.ts'
import type { SettingsNow } from '../../src/core/operator.ts'
import type { Plant } from '../../src/plant/index.ts'
import type { PlantPlan } from '../../src/plant/plan.ts'
import { plantSettings } from '../../src/plant/settings-yaml.ts'
import type { Box } from './box.ts'

/** This machine, as a box sees it. */
export const OURS = { plant: '10.20.1.2', uplink: '10.0.2.2' }
const ADDRESS = '10.20.1.15/24'

/** How its two ends are protected; they are not where it is not said. */
export interface Protection {
  /** Whose password is the secret `plant`. */
  readonly opcuaUser?: string
  /** Of the uplink: `tls`, `sasl`. */
  readonly kafka?: object
}

/** Gives the plant port an address and the box the settings that read all of the plant. `brokers`: none, and what is read stays in the log. */
export async function readPlant(
  box: Box,
  id: string,
  plan: PlantPlan,
  plant: Plant,
  brokers: readonly string[],
  protection: Protection = {},
): Promise<void> {
  const { interfaces } = await box.ask<NetworkNow>('network show')
  const port = interfaces.find((it) => it.mac.endsWith(':57'))
  if (!port) throw new Error(`there is no second port: ${JSON.stringify(interfaces)}`)
  await box.ask('network apply', { ports: [{ interface: port.name, zone: 'plant', address: ADDRESS }] })
  await box.ask('network confirm')

  const { opcuaUser, kafka } = protection
  const text = plantSettings(plan, plant.endpoints, {
    device: { id, site: 'hall' },
    brokers,
    ...(opcuaUser !== undefined && { opcuaUser }),
  }).replaceAll(/(host: |opc\.tcp:\/\/)127\.0\.0\.1/g, `$1${OURS.plant}`)
  const before = await box.ask<SettingsNow>('settings show')
  if (!before.system.ports.some((it) => it.address === ADDRESS)) throw new Error(`no port has ${ADDRESS}: ${before.text}`)
  const { network } = parse(before.text) as { network?: object }
  const uplinks = kafka && { uplinks: [{ name: 'cloud', kafka: { brokers, ...kafka } }] }
  const settings = { ...(parse(text) as object), ...uplinks, network }
  await box.ask('settings apply', { text: stringify(settings), base: before.revision })
}
