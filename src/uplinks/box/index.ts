import { BadInput } from '../../core/errors.ts'
import type { UplinkKind } from '../../core/uplink.ts'
import type { BoxSettings } from './settings.ts'
import { testUplink } from './test-steps.ts'
import { openUplink } from './uplink.ts'

export const box: UplinkKind<BoxSettings> = {
  name: 'box',
  open: openUplink,
  test: testUplink,
  history() {
    throw new BadInput([{ where: 'the uplink', text: 'a box keeps no history of another', remedy: 'import into Kafka' }])
  },
}
