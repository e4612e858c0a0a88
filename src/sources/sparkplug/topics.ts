// spBv1.0/GROUP/KIND/NODE[/DEVICE]

export type MessageKind = 'NBIRTH' | 'NDATA' | 'NDEATH' | 'DBIRTH' | 'DDATA' | 'DDEATH'

export interface Address {
  readonly group: string
  readonly node: string
  readonly device: string | undefined
  readonly kind: MessageKind
}

const KINDS: ReadonlySet<string> = new Set<MessageKind>(['NBIRTH', 'NDATA', 'NDEATH', 'DBIRTH', 'DDATA', 'DDEATH'])
const NAMESPACE = 'spBv1.0'

/** Undefined: a command, a STATE, or nothing of Sparkplug. */
export function addressOf(topic: string): Address | undefined {
  const [namespace, group, kind, node, device, ...rest] = topic.split('/')
  if (namespace !== NAMESPACE || !group || !node || kind === undefined || !KINDS.has(kind) || rest.length > 0) return undefined
  if (kind.startsWith('D') !== Boolean(device)) return undefined
  return { group, node, device: device || undefined, kind: kind as MessageKind }
}

export const stateTopic = (host: string) => `${NAMESPACE}/STATE/${host}`
export const commandTopic = (group: string, node: string) => `${NAMESPACE}/${group}/NCMD/${node}`

export function filtersOf(groups: readonly string[], host: string | undefined): string[] {
  if (groups.length === 0) return [`${NAMESPACE}/#`]
  return [...groups.map((group) => `${NAMESPACE}/${group}/#`), ...(host === undefined ? [] : [stateTopic(host)])]
}
