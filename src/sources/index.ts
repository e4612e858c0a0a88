// The protocols: one line each. A schema is loaded where settings are read (zod costs a thread 15 MB), the protocol in a worker that needs it.
import type { ZodType } from 'zod'
import type { Protocol } from '../core/source.ts'

interface Entry<Settings> {
  settings(): Promise<ZodType<Settings>>
  /** Protocols with one name here share a worker. */
  readonly worker: string
  load(): Promise<Protocol<Settings>>
}

const entry = <Settings>(it: Entry<Settings>) => it as unknown as Entry<never>

/** By the word that stands after `protocol:` in the settings. */
export const protocols: Readonly<Record<string, Entry<never>>> = {
  'modbus-tcp': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusTcpSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusTcp,
  }),
  'modbus-rtu': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusRtuSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusRtu,
  }),
  'modbus-rtu-over-tcp': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusRtuOverTcpSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusRtuOverTcp,
  }),
  mqtt: entry({
    settings: async () => (await import('./mqtt/settings.ts')).mqttSettings,
    worker: 'mqtt',
    load: async () => (await import('./mqtt/source.ts')).mqttProtocol,
  }),
  opcua: entry({
    settings: async () => (await import('./opcua/settings.ts')).opcuaSettings,
    worker: 'opcua',
    load: async () => (await import('./opcua/source.ts')).opcua,
  }),
  sparkplug: entry({
    settings: async () => (await import('./sparkplug/settings.ts')).sparkplugSettings,
    worker: 'mqtt',
    load: async () => (await import('./sparkplug/source.ts')).sparkplug,
  }),
}
