// The protocols: one line each. A settings schema is small and read at once; the protocol itself is loaded only in a worker that needs it.
import type { ZodType } from 'zod'
import type { Protocol } from '../core/source.ts'
import { modbusRtuSettings, modbusTcpSettings } from './modbus/settings.ts'
import { mqttSettings } from './mqtt/settings.ts'
import { opcuaSettings } from './opcua/settings.ts'

interface Entry<Settings> {
  readonly settings: ZodType<Settings>
  /** Protocols with one name here share a worker. */
  readonly worker: string
  load(): Promise<Protocol<Settings>>
}

const entry = <Settings>(it: Entry<Settings>) => it as unknown as Entry<never>

/** By the word that stands after `protocol:` in the settings. */
export const protocols: Readonly<Record<string, Entry<never>>> = {
  'modbus-tcp': entry({
    settings: modbusTcpSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/source.ts')).modbusTcp,
  }),
  'modbus-rtu': entry({
    settings: modbusRtuSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/source.ts')).modbusRtu,
  }),
  mqtt: entry({ settings: mqttSettings, worker: 'mqtt', load: async () => (await import('./mqtt/source.ts')).mqttProtocol }),
  opcua: entry({ settings: opcuaSettings, worker: 'opcua', load: async () => (await import('./opcua/source.ts')).opcua }),
}
