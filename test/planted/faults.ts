// All mistakes that X1 plants.
import { CLOCK_FAULTS } from './clock.ts'
import { COMMAND_FAULTS } from './commands.ts'
import { COLUMN_FAULTS } from './columns.ts'
import type { Fault } from './fault.ts'
import { KAFKA_FAULTS } from './kafka.ts'
import { DISK_FAULTS } from './log-disk.ts'
import { LOCAL_FAULTS } from './local.ts'
import { LOG_FAULTS } from './log.ts'
import { MQTT_FAULTS } from './mqtt.ts'
import { MODBUS_FAULTS } from './modbus.ts'
import { OPCUA_FAULTS } from './opcua.ts'
import { PIPELINE_FAULTS } from './pipeline.ts'
import { RETENTION_FAULTS } from './retention.ts'
import { UPDATE_FAULTS } from './update.ts'

export const FAULTS: readonly Fault[] = [
  ...DISK_FAULTS,
  ...LOG_FAULTS,
  ...LOCAL_FAULTS,
  ...RETENTION_FAULTS,
  ...COLUMN_FAULTS,
  ...PIPELINE_FAULTS,
  ...CLOCK_FAULTS,
  ...KAFKA_FAULTS,
  ...MQTT_FAULTS,
  ...MODBUS_FAULTS,
  ...OPCUA_FAULTS,
  ...COMMAND_FAULTS,
  ...UPDATE_FAULTS,
]
