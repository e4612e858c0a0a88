// DIR/host/network.json: what stands, and the change that waits for its confirmation with all that takes it back. Written before anything is changed.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { NetworkPort } from '../../../core/host.ts'
import { writeWhole } from '../../whole-file.ts'
import { interfaceName, networkPort } from './address.ts'

// What stands in the file becomes arguments of root: nothing in it is taken on trust.
const address = z.string().regex(/^[0-9a-fA-F.:]+(\/\d{1,3})?$/)
const had = z.object({
  name: interfaceName,
  up: z.boolean(),
  addresses: z.array(address),
  routes: z.array(
    z.object({
      to: z.union([z.literal('default'), address]),
      via: address.optional(),
      metric: z.number().int().nonnegative().optional(),
    }),
  ),
})

const stateFile = z.object({
  ports: z.array(networkPort),
  pending: z
    .object({
      ports: z.array(networkPort),
      by: z.string(),
      bootId: z.string(),
      /** Milliseconds since that boot. */
      until: z.number(),
      files: z.record(interfaceName, z.string().nullable()),
      had: z.array(had),
    })
    .nullable(),
})

export type NetworkState = z.output<typeof stateFile>
export type Pending = NonNullable<NetworkState['pending']>

const NOTHING: NetworkState = { ports: [], pending: null }
const fileOf = (dir: string) => join(dir, 'network.json')

/** A file that nobody can read is as none: what is in force then stays. */
export async function readState(dir: string): Promise<NetworkState> {
  const text = await readFile(fileOf(dir), 'utf8').catch(() => '')
  try {
    return stateFile.parse(JSON.parse(text))
  } catch {
    return NOTHING
  }
}

export async function writeState(dir: string, state: NetworkState): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await writeWhole(fileOf(dir), `${JSON.stringify(state, null, 2)}\n`, 0o600)
}

/** Ports of `more` take the place of those of the same interface. */
export function joined(ports: readonly NetworkPort[], more: readonly NetworkPort[]): NetworkState['ports'] {
  const named = new Set(more.map((it) => it.interface))
  return [...ports.filter((it) => !named.has(it.interface)), ...more] as NetworkState['ports']
}
