// Which protocols and kinds of uplink the settings know: one line each. zod alone, no protocol library is loaded.
import { modbusRtuSettings, modbusTcpSettings } from './sources/modbus/settings.ts'
import { mqttSettings } from './sources/mqtt/settings.ts'
import { opcuaSettings } from './sources/opcua/settings.ts'
import type { SettingsSchemas } from './settings/schema.ts'
import { kafkaSettingsSchema } from './uplinks/kafka/settings.ts'

export const settingsSchemas: SettingsSchemas = {
  protocols: {
    'modbus-tcp': modbusTcpSettings,
    'modbus-rtu': modbusRtuSettings,
    opcua: opcuaSettings,
    mqtt: mqttSettings,
  },
  uplinkKinds: { kafka: kafkaSettingsSchema },
}
