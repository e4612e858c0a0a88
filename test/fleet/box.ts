// A box of the fleet: as those of test/update, with a server in its settings.
import { box } from '../update/box.ts'
import type { Box } from '../update/box.ts'
import type { Hawkbit } from './hawkbit.ts'

export async function fleetBox(id: string, server: Hawkbit, vendorCa: string, more = ''): Promise<Box> {
  const token = await server.addTarget(id)
  const update = `update:\n  server: ${server.url}\n  token: { secret: hawkbit }\n  ca: { secret: update-ca }\n${more}`
  return box({
    ca: vendorCa,
    settings: `version: 1\ndevice: { id: ${id}, site: hall-1 }\n${update}`,
    secrets: { hawkbit: token, 'update-ca': server.ca },
  })
}
