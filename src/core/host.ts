// What only root may do, as fixed verbs with checked input: the small helper offers them on its own socket, console, panel and CLI ask for them.

/** `address`: `dhcp`, or `10.20.1.5/24`. A port of the settings, without what is secret in it. */
export interface NetworkPort {
  readonly interface: string
  readonly zone?: 'plant' | 'uplink' | 'service' | undefined
  readonly address: string
  readonly gateway?: string | undefined
  readonly dns?: readonly string[] | undefined
  /** TCP ports that may be reached from its zone besides the page's. Undefined in a change: as they are. */
  readonly open?: readonly number[] | undefined
}

/** A TCP port of the box that its firewall lets others reach, because the settings say so. */
export interface OpenPort {
  readonly interface: string
  readonly zone: NonNullable<NetworkPort['zone']>
  readonly port: number
}

export interface InterfaceNow {
  readonly name: string
  readonly up: boolean
  readonly mac: string
  /** `10.20.1.5/24`, those of one link alone left out. */
  readonly addresses: readonly string[]
  readonly gateway: string | null
  /** Of Wi-Fi and of a modem. */
  readonly radio?: RadioNow | undefined
}

export interface RadioNow {
  readonly kind: 'wifi' | 'modem'
  /** As ModemManager has it: `connected`, `searching`, `locked` … */
  readonly state: string | null
  /** Whose network it is. */
  readonly network: string | null
  /** 0 to 1; null: nobody knows. */
  readonly signal: number | null
}

export interface NetworkNow {
  readonly interfaces: readonly InterfaceNow[]
  /** What was applied last and stands. */
  readonly ports: readonly NetworkPort[]
  readonly pending: PendingNetwork | null
  /** Those that the system asks for names. */
  readonly nameServers: readonly string[]
  /** Who carries changes out: systemd-networkd, or the ip command; null: no helper of root runs, and nobody does. */
  readonly by: 'networkd' | 'ip' | null
}

export interface PendingNetwork {
  readonly ports: readonly NetworkPort[]
  readonly by: string
  /** Left until it is taken back by itself. */
  readonly revertsInMs: number
}

export interface NetworkChange {
  /** Ports that are not named stay as they are. */
  readonly ports: readonly NetworkPort[]
  readonly confirmWithinMs: number
  readonly by: string
}

export interface Stick {
  /** Where it is mounted. */
  readonly path: string
  readonly device: string
  readonly bytesFree: number
}

/** Services that may be started anew. */
export const HOST_SERVICES = ['agent', 'panel'] as const
export type HostService = (typeof HOST_SERVICES)[number]

export interface HostApi {
  /** What this system has, by name: an empty list where no helper runs. */
  verbs(): Promise<readonly HostVerb[]>
  networkShow(): Promise<NetworkNow>
  /** In force at once, and taken back unless it is confirmed in time; that state is on disk. */
  networkApply(change: NetworkChange): Promise<NetworkNow>
  networkConfirm(): Promise<NetworkNow>
  networkRevert(): Promise<NetworkNow>
  /** Milliseconds since 1970 UTC. */
  clockSet(ms: number): Promise<void>
  clockServers(servers: readonly string[]): Promise<void>
  serviceRestart(name: HostService): Promise<void>
  reboot(): Promise<void>
  powerOff(): Promise<void>
  /** The one USB stick that is plugged in; `write` only for what is taken along. */
  stickMount(write: boolean): Promise<Stick>
  stickUnmount(): Promise<void>
  /** Checked as a whole first; only while no agent runs. */
  settingsWrite(text: string, by: string): Promise<void>
  /** The box starts again as it came, and erases what it was first. Rejects with BadInput (AN_UPDATE) while an update stands, unless despite it. */
  factoryReset(how: FactoryReset): Promise<void>
}

export interface FactoryReset {
  /** The readings stay, and this name that they are under; null: nothing does. */
  readonly keep: string | null
  /** What is erased is written over with zeros, until the disk is full once: nobody reads it from there any more. Not where something is kept. */
  readonly overwrite: boolean
  readonly despiteUpdate: boolean
}

/** Where the problem lies when a reset is refused for an update. */
export const AN_UPDATE = 'update'

export type HostVerb = Exclude<keyof HostApi, 'verbs'>
