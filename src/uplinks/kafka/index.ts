import type { UplinkKind } from '../../core/uplink.ts'
import { openCommands } from './commands.ts'
import { readHistory } from './history.ts'
import { replayTo } from './replay.ts'
import type { KafkaSettings } from './settings.ts'
import { testUplink } from './test-steps.ts'
import { openUplink } from './uplink.ts'

export const kafka: UplinkKind<KafkaSettings> = {
  name: 'kafka',
  open: openUplink,
  test: testUplink,
  history: readHistory,
  commands: openCommands,
  replay: (settings, { site, route, traffic }, topic, rows, signal) =>
    replayTo({ ...settings, topic, site, rows, signal, localAddress: route?.localAddress, traffic }),
}
