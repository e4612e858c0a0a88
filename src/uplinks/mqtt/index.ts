import { BadInput } from '../../core/errors.ts'
import type { UplinkKind } from '../../core/uplink.ts'
import type { MqttUplinkSettings } from './settings.ts'
import { testUplink } from './test-steps.ts'
import { openUplink } from './uplink.ts'

export const mqtt: UplinkKind<MqttUplinkSettings> = {
  name: 'mqtt',
  open: openUplink,
  test: testUplink,
  history() {
    throw new BadInput([{ where: 'the uplink', text: 'a broker keeps no history', remedy: 'import into Kafka' }])
  },
}
