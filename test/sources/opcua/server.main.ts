// An OPC UA server on node-opcua for the tests of the opcua source: security policies, user certificates, deadbands, limits.
// One JSON object as argument (Options); says `ready`, then answers one JSON command a line.
import { readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import {
  coerceLocalizedText,
  DataType,
  MessageSecurityMode,
  ObjectTypeIds,
  OPCUACertificateManager,
  OPCUAServer,
  type SecurityPolicy,
  type ServerSession,
  type StatusCode,
  StatusCodes,
  type UAVariable,
  Variant,
} from 'node-opcua'

interface Options {
  readonly port: number
  readonly dir: string
  readonly policies: readonly string[]
  readonly modes: readonly ('None' | 'Sign' | 'SignAndEncrypt')[]
  readonly user?: string
  readonly password?: string
  readonly itemsPerCall?: number
  readonly nodesPerRead?: number
  readonly nodesPerBrowse?: number
  readonly counters?: number
  /** So many plain variables below a folder `Many`. */
  readonly extras?: number
  /** The limits hold and are not told. */
  readonly silent?: boolean
  /** An alarm `High` beyond 90 of `Level`. */
  readonly alarms?: boolean
  /** It takes no filter of events that has a comparison. */
  readonly filterless?: boolean
  /** Clients it does not know are rejected. */
  readonly strict?: boolean
}

interface Command {
  readonly do: 'refresh' | 'refreshes' | 'raise' | 'write' | 'count' | 'sessions' | 'channels' | 'trust-users'
  readonly node: string
  readonly value: number
  readonly status?: keyof typeof StatusCodes
  readonly ticks: number
  readonly hertz: number
}

const options: Options = JSON.parse(process.argv[2] as string)
const manager = (name: string) =>
  new OPCUACertificateManager({
    rootFolder: path.join(options.dir, name),
    automaticallyAcceptUnknownCertificate: name === 'server' && options.strict !== true,
    disableFileWatchers: true,
  })
const server = new OPCUAServer({
  port: options.port,
  hostname: '127.0.0.1',
  alternateHostname: ['127.0.0.1'],
  serverCertificateManager: manager('server'),
  userCertificateManager: manager('users'),
  securityPolicies: options.policies as SecurityPolicy[],
  securityModes: options.modes.map((it) => MessageSecurityMode[it]),
  allowAnonymous: options.user === undefined,
  ...(options.user === undefined
    ? {}
    : {
        userManager: { isValidUser: (name: string, word: string) => name === options.user && word === options.password },
      }),
  disableDiscovery: false,
  serverCapabilities: {
    operationLimits: {
      maxMonitoredItemsPerCall: options.itemsPerCall ?? 0,
      maxNodesPerRead: options.nodesPerRead ?? 0,
      maxNodesPerBrowse: options.nodesPerBrowse ?? 0,
    },
    ...(options.filterless && { maxWhereClauseParameters: 1 }),
    maxSubscriptions: 20,
  },
  serverInfo: { applicationUri: 'urn:plant:node' },
})
await server.initialize()
const space = server.engine.addressSpace
if (!space) throw new Error('no address space')
const own = space.getOwnNamespace()
const parent = own.addFolder(space.rootFolder.objects, { browseName: 'Line' })
const nodes = new Map<string, UAVariable>()
nodes.set(
  'Level',
  own.addAnalogDataItem({
    componentOf: parent,
    browseName: 'Level',
    nodeId: 's=Level',
    dataType: 'Double',
    engineeringUnitsRange: { low: 0, high: 200 },
    engineeringUnits: {
      namespaceUri: '',
      unitId: 0,
      displayName: coerceLocalizedText('%'),
      description: coerceLocalizedText('%'),
    },
    value: { dataType: DataType.Double, value: 0 },
  }) as unknown as UAVariable,
)
for (const name of ['Free', 'Other', ...Array.from({ length: options.counters ?? 0 }, (_, n) => `Counter${n}`)]) {
  nodes.set(
    name,
    own.addVariable({
      componentOf: parent,
      browseName: name,
      nodeId: `s=${name}`,
      dataType: 'Double',
      minimumSamplingInterval: 0,
      value: { dataType: DataType.Double, value: 0 },
    }),
  )
}

if (options.extras !== undefined) {
  const many = own.addFolder(space.rootFolder.objects, { browseName: 'Many', nodeId: 's=Many' })
  for (let n = 0; n < options.extras; n++)
    own.addVariable({
      organizedBy: many,
      browseName: `Many${n}`,
      nodeId: `s=Many${n}`,
      dataType: 'Int32',
      value: { dataType: DataType.Int32, value: n },
    })
}
const events = space.rootFolder.objects.server
let refreshes = 0
events.on('event', (it) => {
  if (it.getEventDataSource().nodeId.toString() === `ns=0;i=${ObjectTypeIds.RefreshStartEventType}`) refreshes++
})
if (options.alarms) {
  space.installAlarmsAndConditionsService()
  const source = own.addObject({ organizedBy: parent, browseName: 'Tank', eventSourceOf: events })
  own.instantiateExclusiveLimitAlarm('ExclusiveLimitAlarmType', {
    browseName: 'High',
    conditionName: 'High',
    componentOf: source,
    conditionSource: source,
    inputNode: nodes.get('Level') as UAVariable,
    highLimit: 90,
    lowLimit: -10,
  })
}
if (options.silent)
  for (const name of [
    'maxNodesPerRead',
    'maxMonitoredItemsPerCall',
    'maxNodesPerBrowse',
    'maxNodesPerHistoryReadData',
  ] as const) {
    const limits = space.rootFolder.objects.server.serverCapabilities.operationLimits as unknown as Record<string, UAVariable>
    limits[name]?.bindVariable({ get: () => new Variant({ dataType: DataType.UInt32, value: 0 }) }, true)
  }

function write(name: string, value: number, status: keyof typeof StatusCodes = 'Good'): void {
  nodes
    .get(name)
    ?.setValueFromSource(new Variant({ dataType: DataType.Double, value }), StatusCodes[status] as StatusCode, new Date())
}

/** Policy and mode of the channels that have a session. */
function channels(): string[] {
  const sessions = Object.values((server.engine as unknown as { _sessions: Record<string, ServerSession> })._sessions)
  return sessions.map(
    ({ channel }) => `${channel?.securityPolicy.split('#').pop()} ${MessageSecurityMode[channel?.securityMode ?? 0]}`,
  )
}

async function trustUsers(): Promise<void> {
  const { rejectedFolder, trustedFolder } = server.userCertificateManager
  for (const name of await readdir(rejectedFolder)) await rename(path.join(rejectedFolder, name), path.join(trustedFolder, name))
  await server.userCertificateManager.reloadCertificates()
}

async function answer(command: Command): Promise<object> {
  if (command.do === 'write') write(command.node, command.value, command.status)
  if (command.do === 'refresh') events.raiseEvent('RefreshRequiredEventType', {})
  if (command.do === 'refreshes') return { refreshes }
  if (command.do === 'raise')
    events.raiseEvent('BaseEventType', { severity: { dataType: DataType.UInt16, value: command.value } })
  if (command.do === 'channels') return { channels: channels() }
  if (command.do === 'trust-users') await trustUsers()
  if (command.do === 'sessions') return { sessions: server.currentSessionCount }
  if (command.do === 'count') {
    const start = performance.now()
    for (let tick = 1; tick <= command.ticks; tick++) {
      // Never two at once, even after a stall: this server hands over a value some turns after it was set.
      await new Promise((resolve) => setTimeout(resolve, Math.max(50, start + (tick * 1000) / command.hertz - performance.now())))
      const stamp = new Date()
      for (const [name, node] of nodes) {
        if (!name.startsWith('Counter')) continue
        node.setValueFromSource(new Variant({ dataType: DataType.Double, value: tick }), StatusCodes.Good, stamp)
      }
    }
  }
  return {}
}

await server.start()
process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
