// The protocols: one line each. A schema is loaded where settings are read (zod costs a thread 15 MB), the protocol in a worker that needs it.
import type { ZodType } from 'zod'
import type { ReachOf } from '../core/reach.ts'
import { reachByHost, reachByUrl } from '../core/reach.ts'
import type { Protocol } from '../core/source.ts'

interface Entry<Settings> {
  settings(): Promise<ZodType<Settings>>
  /** Protocols with one name here share a worker. */
  readonly worker: string
  load(): Promise<Protocol<Settings>>
  /** Why a tag cannot be written; undefined: it can. Absent: the protocol writes nothing. */
  writable?(): Promise<(own: Settings, tag: string) => string | undefined>
  /** Where its far end answers TCP, by an entry of the settings file as it stands; absent: nowhere. */
  readonly reach?: ReachOf
}

const MODBUS = reachByHost(502)
const MQTT = reachByUrl('url', { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 })

const entry = <Settings>(it: Entry<Settings>) => it as unknown as Entry<never>

/** By the word that stands after `protocol:` in the settings. */
export const protocols: Readonly<Record<string, Entry<never>>> = {
  'modbus-tcp': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusTcpSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusTcp,
    writable: async () => (await import('./modbus/writable.ts')).unwritableTag,
    reach: MODBUS,
  }),
  'modbus-rtu': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusRtuSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusRtu,
    writable: async () => (await import('./modbus/writable.ts')).unwritableTag,
  }),
  'modbus-rtu-over-tcp': entry({
    settings: async () => (await import('./modbus/settings.ts')).modbusRtuOverTcpSettings,
    worker: 'modbus',
    load: async () => (await import('./modbus/protocols.ts')).modbusRtuOverTcp,
    writable: async () => (await import('./modbus/writable.ts')).unwritableTag,
    reach: MODBUS,
  }),
  mqtt: entry({
    settings: async () => (await import('./mqtt/settings.ts')).mqttSettings,
    worker: 'mqtt',
    load: async () => (await import('./mqtt/source.ts')).mqttProtocol,
    reach: MQTT,
  }),
  opcua: entry({
    settings: async () => (await import('./opcua/settings.ts')).opcuaSettings,
    worker: 'opcua',
    load: async () => (await import('./opcua/source.ts')).opcua,
    writable: async () => (await import('./opcua/writable.ts')).unwritableTag,
    reach: reachByUrl('endpoint', { 'opc.tcp:': 4840 }),
  }),
  files: entry({
    settings: async () => (await import('./files/settings.ts')).filesSettings,
    worker: 'files',
    load: async () => (await import('./files/source.ts')).files,
  }),
  sparkplug: entry({
    settings: async () => (await import('./sparkplug/settings.ts')).sparkplugSettings,
    worker: 'mqtt',
    load: async () => (await import('./sparkplug/source.ts')).sparkplug,
    reach: MQTT,
  }),
}
