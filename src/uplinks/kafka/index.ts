import type { UplinkKind } from '../../core/uplink.ts'
import { readHistory } from './history.ts'
import type { KafkaSettings } from './settings.ts'
import { testUplink } from './test-steps.ts'
import { openUplink } from './uplink.ts'

export const kafka: UplinkKind<KafkaSettings> = { name: 'kafka', open: openUplink, test: testUplink, history: readHistory }
