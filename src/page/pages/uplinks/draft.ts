// An uplink as somebody edits it, and how it goes back into the settings file, with its comments and with keys that no field shows.
import type { Document, YAMLMap } from 'yaml'
import { isMap, isSeq, parseDocument } from 'yaml'
import { isVar, partsOf, pemText, pemValue, secretName, textOf, valueOf } from '../../settings-text/scalar.ts'

export interface UplinkDraft {
  readonly name: string
  readonly kind: 'kafka' | 'box' | 'mqtt'
  /** Of another box, of an MQTT broker. */
  readonly url: string
  /** One `host:port` a line. */
  readonly brokers: string
  readonly tls: boolean
  readonly serverName: string
  /** PEM, or the name of a secret that has it. */
  readonly ca: string
  /** Ours; as `ca`. Without it no key either. */
  readonly cert: string
  /** Name of the secret with its private key. */
  readonly key: string
  readonly mechanism: '' | 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
  readonly user: string
  /** Name of the secret. */
  readonly secret: string
  readonly tokenEndpoint: string
  readonly insecure: string
  /** Of an MQTT broker: it keeps last values. */
  readonly retain: boolean
  readonly records: 'readings' | 'blocks'
  readonly liveShare: string
  readonly backlog: 'oldest-first' | 'newest-first'
  readonly links: readonly LinkDraft[]
  readonly windows: readonly WindowDraft[]
}

export interface LinkDraft {
  readonly interface: string
  /** `all`, or names with commas between. */
  readonly classes: string
  readonly rate: string
  readonly budget: string
  readonly per: 'day' | 'week' | 'month'
}

export interface WindowDraft {
  readonly at: string
  readonly zone: string
  readonly classes: string
}

type Tree = Readonly<Record<string, unknown>>

export const NEW_UPLINK: UplinkDraft = {
  name: '',
  kind: 'kafka',
  url: '',
  brokers: '',
  tls: true,
  serverName: '',
  ca: '',
  cert: '',
  key: '',
  mechanism: 'scram-sha-512',
  user: '',
  secret: '',
  tokenEndpoint: '',
  insecure: '',
  retain: true,
  records: 'readings',
  liveShare: '',
  backlog: 'oldest-first',
  links: [],
  windows: [],
}

const tree = (value: unknown): Tree => (typeof value === 'object' && value !== null ? (value as Tree) : {})
const list = (value: unknown): readonly Tree[] => (Array.isArray(value) ? value.map(tree) : [])
/** A list of one value of the box has a comma behind it: without, the value itself is the list. */
const classesText = (value: unknown) => {
  const text = Array.isArray(value) ? value.map(textOf).join(', ') : textOf(value ?? 'all')
  return Array.isArray(value) && isVar(text) ? `${text},` : text
}
const brokersText = (value: unknown) => (Array.isArray(value) ? value.map(textOf).join('\n') : textOf(value))

export function uplinkDraft(file: string, name: string): UplinkDraft | undefined {
  const found = list(tree(parseDocument(file).toJS())['uplinks']).find((it) => it['name'] === name)
  return found && draftOf(found)
}

function draftOf(it: Tree): UplinkDraft {
  const kind = (['box', 'mqtt'] as const).find((one) => it[one] !== undefined) ?? 'kafka'
  const own = tree(it[kind])
  const [tls, sasl, lanes] = [tree(own['tls']), tree(own['sasl']), tree(it['lanes'])]
  return {
    name: textOf(it['name']),
    kind,
    url: textOf(own['url']),
    brokers: brokersText(own['brokers']),
    tls: kind === 'box' || own['tls'] !== undefined,
    serverName: textOf(tls['serverName']),
    ca: pemText(tls['ca']),
    cert: pemText(tls['cert']),
    key: secretName(tls['key']),
    mechanism: textOf(sasl['mechanism']) as UplinkDraft['mechanism'],
    user: textOf(kind === 'mqtt' ? own['user'] : (sasl['user'] ?? sasl['clientId'])),
    secret: secretName(kind === 'kafka' ? (sasl['password'] ?? sasl['clientSecret']) : own['password']),
    tokenEndpoint: textOf(sasl['tokenEndpoint']),
    insecure: textOf(own['insecure']),
    retain: own['retain'] !== false,
    records: it['records'] === 'blocks' ? 'blocks' : 'readings',
    liveShare: textOf(lanes['liveShare']),
    backlog: lanes['backlog'] === 'newest-first' ? 'newest-first' : 'oldest-first',
    links: list(it['links']).map(linkDraft),
    windows: list(it['windows']).map((own) => ({
      at: textOf(own['at']),
      zone: textOf(own['zone']),
      classes: classesText(own['classes']),
    })),
  }
}

function linkDraft(it: Tree): LinkDraft {
  const budget = tree(it['budget'])
  return {
    interface: textOf(it['interface']),
    classes: classesText(it['classes']),
    rate: textOf(it['bytesPerSecondMax']),
    budget: textOf(budget['bytes']),
    per: (textOf(budget['per']) || 'month') as LinkDraft['per'],
  }
}

/** The file with this uplink in it; `was`: its name before, undefined where it is new. */
export function withUplink(file: string, was: string | undefined, draft: UplinkDraft): string {
  const document = parseDocument(file)
  const node = nodeOf(document, was) ?? added(document)
  put(document, node, ['name'], draft.name)
  if (draft.kind === 'box') putBox(document, node, draft)
  else if (draft.kind === 'mqtt') putMqtt(document, node, draft)
  else putKafka(document, node, draft)
  put(document, node, ['records'], draft.records === 'blocks' || node.has('records') ? draft.records : undefined)
  put(document, node, ['lanes', 'liveShare'], draft.liveShare || undefined)
  put(
    document,
    node,
    ['lanes', 'backlog'],
    draft.backlog === 'newest-first' || node.hasIn(['lanes', 'backlog']) ? draft.backlog : undefined,
  )
  put(document, node, ['links'], draft.links.length > 0 ? merged(node, 'links', draft.links.map(linkTree)) : undefined)
  put(document, node, ['windows'], draft.windows.length > 0 ? draft.windows.map(windowTree) : undefined)
  return String(document.toString({ lineWidth: 0 }))
}

export function withoutUplink(file: string, name: string): string {
  const document = parseDocument(file)
  const all = document.get('uplinks')
  if (isSeq(all)) all.items = all.items.filter((it) => !isMap(it) || it.get('name') !== name)
  return document.toString({ lineWidth: 0 })
}

function nodeOf(document: Document, name: string | undefined): YAMLMap | undefined {
  const all = document.get('uplinks')
  if (!isSeq(all) || name === undefined) return undefined
  return all.items.find((it): it is YAMLMap => isMap(it) && it.get('name') === name)
}

function added(document: Document): YAMLMap {
  const node = document.createNode({ name: '' }) as YAMLMap
  const all = document.get('uplinks')
  if (isSeq(all) && all.items.length > 0) all.items.push(node)
  else document.set('uplinks', document.createNode([node]))
  return node
}

function putBox(document: Document, node: YAMLMap, draft: UplinkDraft): void {
  const { url, secret } = draft
  const set = (path: readonly string[], value: unknown) => put(document, node, ['box', ...path], value)
  set(['url'], url)
  if (secret !== '' || node.hasIn(['box', 'password'])) set(['password'], secret === '' ? undefined : { secret })
  putTls(node, 'box', set, draft)
}

function putMqtt(document: Document, node: YAMLMap, draft: UplinkDraft): void {
  const set = (path: readonly string[], value: unknown) => put(document, node, ['mqtt', ...path], value)
  const { url, user, secret, insecure, retain } = draft
  set(['url'], url)
  set(['user'], user || undefined)
  set(['password'], secret === '' ? undefined : { secret })
  if (url.startsWith('mqtt:')) set(['tls'], undefined)
  else putTls(node, 'mqtt', set, draft)
  if (!retain || node.hasIn(['mqtt', 'retain'])) set(['retain'], retain)
  set(['insecure'], insecure || undefined)
}

function putKafka(document: Document, node: YAMLMap, draft: UplinkDraft): void {
  const set = (path: readonly string[], value: unknown) => put(document, node, ['kafka', ...path], value)
  const before = node.getIn(['kafka', 'brokers'], true) as { toJSON?: () => unknown } | undefined
  if (brokersText(before?.toJSON?.()) !== draft.brokers) set(['brokers'], partsOf(draft.brokers))
  if (!draft.tls) set(['tls'], undefined)
  else {
    if (!node.hasIn(['kafka', 'tls'])) set(['tls'], {})
    putTls(node, 'kafka', set, draft)
  }
  putSasl(set, draft)
  set(['insecure'], draft.insecure || undefined)
}

type Set = (path: readonly string[], value: unknown) => void

/** What stands there already in another form (`{ var: NAME }`, a text with its line feed) stays. */
function putTls(node: YAMLMap, kind: string, set: Set, { serverName, ca, cert, key }: UplinkDraft): void {
  const was = (name: string) => (node.getIn([kind, 'tls', name], true) as { toJSON?: () => unknown } | undefined)?.toJSON?.()
  const pem = (name: string, text: string) => (pemText(was(name)) === text ? was(name) : pemValue(text))
  set(['tls', 'serverName'], serverName || undefined)
  set(['tls', 'ca'], pem('ca', ca))
  set(['tls', 'cert'], pem('cert', cert))
  set(['tls', 'key'], cert === '' ? undefined : key === '' ? was('key') : { secret: key })
}

function putSasl(set: Set, { mechanism, user, secret, tokenEndpoint }: UplinkDraft): void {
  if (mechanism === '') return set(['sasl'], undefined)
  const isToken = mechanism === 'oauthbearer'
  set(['sasl', 'mechanism'], mechanism)
  set(['sasl', isToken ? 'clientId' : 'user'], user)
  set(['sasl', isToken ? 'clientSecret' : 'password'], secret === '' ? undefined : { secret })
  set(['sasl', isToken ? 'user' : 'clientId'], undefined)
  set(['sasl', isToken ? 'password' : 'clientSecret'], undefined)
  set(['sasl', 'tokenEndpoint'], isToken ? tokenEndpoint : undefined)
}

/** What is as it was stays as it stands, comments and all; undefined takes the key out. */
function put(document: Document, node: YAMLMap, path: readonly string[], given: unknown): void {
  const value = typeof given === 'string' ? valueOf(given) : given
  const before = node.getIn(path, true) as { toJSON?: () => unknown } | undefined
  if (value === undefined) {
    if (before !== undefined) node.deleteIn(path)
    // `lanes: {}` says nothing.
    const parent = path.slice(0, -1)
    if (parent.at(-1) === 'lanes' && isMap(node.getIn(parent)) && (node.getIn(parent) as YAMLMap).items.length === 0)
      node.deleteIn(parent)
    return
  }
  if (JSON.stringify(before?.toJSON?.()) !== JSON.stringify(value)) node.setIn(path, document.createNode(value))
}

/** Keys of a link that no field shows (the zone of its budget) stay. */
function merged(node: YAMLMap, key: string, links: readonly Tree[]): Tree[] {
  const before = list((node.get(key, true) as { toJSON?: () => unknown } | undefined)?.toJSON?.())
  return links.map((it) => {
    const zone = tree(before.find((own) => own['interface'] === it['interface'])?.['budget'])['zone']
    return it['budget'] && zone !== undefined ? { ...it, budget: { ...tree(it['budget']), zone } } : it
  })
}

const classesTree = (given: string) =>
  given.trim() === '' || given.trim() === 'all' ? 'all' : isVar(given) ? valueOf(given) : partsOf(given)

function linkTree(it: LinkDraft): Tree {
  return {
    interface: valueOf(it.interface),
    classes: classesTree(it.classes),
    ...(it.rate !== '' && { bytesPerSecondMax: valueOf(it.rate) }),
    ...(it.budget !== '' && { budget: { bytes: valueOf(it.budget), per: it.per } }),
  }
}

function windowTree(it: WindowDraft): Tree {
  return { at: valueOf(it.at), ...(it.zone !== '' && { zone: valueOf(it.zone) }), classes: classesTree(it.classes) }
}
