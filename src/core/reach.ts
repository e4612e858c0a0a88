// Where a far end answers TCP, told from an entry of the settings file as it stands: variables and secrets in it are not known here.
export interface Reach {
  readonly host: string
  readonly port: number
}

type Entry = Readonly<Record<string, unknown>>
/** Empty: it cannot be told. */
export type ReachOf = (entry: Entry) => readonly Reach[]

const PORT_MAX = 65_535

/** Keys `host` and `port`. */
export function reachByHost(portDefault: number): ReachOf {
  return ({ host, port = portDefault }) => (typeof host === 'string' && isPort(port) ? [{ host, port }] : [])
}

/** A key that holds an address; ports by scheme where it names none. */
export function reachByUrl(key: string, ports: Readonly<Record<string, number>>): ReachOf {
  return ({ [key]: text }) => {
    const [, scheme = '', rest = ''] = /^([a-z][a-z.+-]*:)\/\/(?:[^@/]*@)?([^/?#]+)/.exec(String(text)) ?? []
    return hostAndPort(rest, ports[scheme])
  }
}

/** A key that holds a list of `host:port`. */
export function reachByList(key: string): ReachOf {
  return ({ [key]: list }) => (Array.isArray(list) ? list.flatMap((it) => hostAndPort(String(it), undefined)) : [])
}

function hostAndPort(text: string, portDefault: number | undefined): Reach[] {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? portDefault : Number(digits)
  return host !== undefined && isPort(port) ? [{ host, port }] : []
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= PORT_MAX
}
