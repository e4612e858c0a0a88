// An OPC UA server whose variables are never sampled by it: each sample is given to the monitored items at the tick in which it is due, with
// its exact source time. So no sample is missed by a late timer, and what nobody monitors costs nothing. Whatever sampling interval a client
// asks for, it gets each sample, changed or not, unless it asked for a filter of its own.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DataValue, MonitoredItem, OPCUAServer, ServerSession, Subscription, UAVariable } from 'node-opcua'
import type { FaultSwitch } from './faults.ts'
import type { OpcuaDevice, SignalPlan } from './plan.ts'
import { signalsOf } from './plan.ts'
import { addTo } from './ranges.ts'
import type { SampledSignal, Sampler } from './sampler.ts'
import { startSampler } from './sampler.ts'
import type { DeviceServed, SignalServed } from './served.ts'
import type { SignalFunction, SignalValue } from './signals.ts'
import { signalOf } from './signals.ts'

const PLANT_NAMESPACE = 'urn:holdfast:plant'
const TICK_MS = 10
const FLUSH_MS_MAX = 2_000
const FLUSH_POLL_MS = 100
const ITEMS_MAX = 100_000

export interface OpcuaOptions {
  readonly port: number
  /** Certificates and keys are made here. */
  readonly pkiDir: string
  readonly seed: number
  /** With users, nobody is let in without a name and its password. */
  readonly users?: Readonly<Record<string, string>>
}

export interface OpcuaServer {
  readonly endpoint: string
  stop(): Promise<void>
}

type Library = typeof import('node-opcua')

interface Variable extends SampledSignal {
  readonly plan: SignalPlan
  readonly served: SignalServed
  readonly value: SignalFunction
  readonly dataType: number
  /** What was given last, for reads and for items that begin. */
  last: { readonly n: number; readonly data: DataValue } | undefined
  /** Items that have had their first value get each sample. */
  readonly items: Map<MonitoredItem, boolean>
}

/** Serves one device. Loads node-opcua (150 MB) only now. `failed` gets what goes wrong when it is switched off and on later. */
export async function startOpcuaServer(
  device: OpcuaDevice,
  book: DeviceServed,
  fault: FaultSwitch,
  options: OpcuaOptions,
  failed: (error: unknown) => void,
): Promise<OpcuaServer> {
  const library = await import('node-opcua')
  const variables = signalsOf(device).map((plan, i) => variableOf(library, plan, book.signals[i] as SignalServed, options.seed))
  let up: Up | undefined = await open(library, device, variables, fault, options)
  const { endpoint, port } = up
  let work = Promise.resolve()
  const turn = async (on: boolean) => {
    if (on && !up) up = await open(library, device, variables, fault, { ...options, port })
    if (on || !up) return
    const old = up
    up = undefined
    await old.close()
  }
  fault.changed = () => {
    const on = fault.now.kind !== 'stop'
    work = work.then(() => turn(on)).catch(failed)
  }
  return {
    endpoint,
    async stop() {
      work = work.then(() => turn(false)).catch(failed)
      await work
    },
  }
}

interface Up {
  readonly endpoint: string
  readonly port: number
  close(): Promise<void>
}

async function open(
  library: Library,
  device: OpcuaDevice,
  variables: readonly Variable[],
  fault: FaultSwitch,
  options: OpcuaOptions,
): Promise<Up> {
  const server = await createServer(library, options)
  await server.initialize()
  const byNode = addVariables(library, server, device, variables)
  server.on('create_session', (session: ServerSession) => {
    session.on('new_subscription', (subscription: Subscription) => follow(subscription, byNode))
  })
  await server.start()
  const sampler: Sampler = startSampler(
    variables,
    TICK_MS,
    (variable, n) => give(library, variable, n, fault),
    () => true,
  )
  const port = server.endpoints[0]?.port ?? options.port
  return {
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    port,
    async close() {
      sampler.stop()
      await flushed(variables)
      for (const variable of variables) variable.items.clear()
      await server.shutdown(0)
    },
  }
}

/** What was given is in the items' queues: it goes out with the next publish, unless nobody asks for it any more. */
async function flushed(variables: readonly Variable[]): Promise<void> {
  const deadline = performance.now() + FLUSH_MS_MAX
  const waits = () => variables.some(({ items }) => [...items.keys()].some((item) => item.hasMonitoredItemNotifications))
  while (waits() && performance.now() < deadline) await sleep(FLUSH_POLL_MS)
  await sleep(FLUSH_POLL_MS)
}

async function createServer(library: Library, options: OpcuaOptions): Promise<OPCUAServer> {
  const { OPCUACertificateManager, SecurityPolicy, MessageSecurityMode } = library
  // Whoever tries the plant is let in: it has nothing to protect. Refusing certificates is tested on servers that do.
  const trusting = { automaticallyAcceptUnknownCertificate: true }
  const serverCertificateManager = new OPCUACertificateManager({ rootFolder: join(options.pkiDir, 'server'), ...trusting })
  const userCertificateManager = new OPCUACertificateManager({ rootFolder: join(options.pkiDir, 'users'), ...trusting })
  await serverCertificateManager.initialize()
  await userCertificateManager.initialize()
  const users = options.users
  return new library.OPCUAServer({
    port: options.port,
    host: '127.0.0.1',
    hostname: '127.0.0.1',
    nodeset_filename: [library.nodesets.standard],
    serverInfo: {
      applicationUri: `${PLANT_NAMESPACE}:server`,
      productUri: PLANT_NAMESPACE,
      applicationName: { text: 'Holdfast plant' },
    },
    serverCertificateManager,
    userCertificateManager,
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: users === undefined,
    ...(users && { userManager: { isValidUser: (name: string, password: string) => users[name] === password } }),
    registerServerMethod: library.RegisterServerMethod.HIDDEN,
    maxConnectionsPerEndpoint: 50,
    serverCapabilities: {
      maxSessions: 50,
      maxMonitoredItems: ITEMS_MAX,
      maxMonitoredItemsPerSubscription: ITEMS_MAX,
      operationLimits: { maxMonitoredItemsPerCall: 10_000, maxNodesPerRead: 10_000, maxNodesPerBrowse: 10_000 },
    },
  })
}

function variableOf(library: Library, plan: SignalPlan, served: SignalServed, seed: number): Variable {
  const value = signalOf(plan.spec, seed, plan.tag)
  return {
    plan,
    served,
    value,
    t0Ms: served.t0 / 1000,
    periodMs: plan.periodMs,
    dataType: dataTypeOf(library, value(0), plan),
    last: undefined,
    items: new Map(),
  }
}

function dataTypeOf({ DataType }: Library, value: SignalValue, plan: SignalPlan): number {
  if (typeof value === 'string') return DataType.String
  if (typeof value === 'boolean') return DataType.Boolean
  return plan.spec.kind === 'counter' ? DataType.UInt32 : DataType.Double
}

function addVariables(
  library: Library,
  server: OPCUAServer,
  device: OpcuaDevice,
  variables: readonly Variable[],
): Map<string, Variable> {
  const { addressSpace } = server.engine
  if (!addressSpace) throw new Error('the server has no address space')
  const namespace = addressSpace.registerNamespace(PLANT_NAMESPACE)
  const folder = namespace.addFolder(addressSpace.rootFolder.objects, { browseName: device.name })
  const byNode = new Map<string, Variable>()
  for (const variable of variables) {
    const node: UAVariable = namespace.addVariable({
      organizedBy: folder,
      nodeId: `s=${variable.plan.at}`,
      browseName: variable.plan.at,
      dataType: variable.dataType,
      minimumSamplingInterval: 0,
      accessLevel: 'CurrentRead',
      userAccessLevel: 'CurrentRead',
    })
    node.bindVariable({ timestamped_get: () => current(library, variable) })
    byNode.set(node.nodeId.toString(), variable)
  }
  return byNode
}

/** The last sample given; before the first one, the newest that is due. */
function current(library: Library, variable: Variable): DataValue {
  if (!variable.last) {
    const n = Math.max(0, Math.floor((Date.now() - variable.t0Ms) / variable.periodMs))
    variable.last = { n, data: dataValue(library, variable, n, false) }
  }
  return variable.last.data
}

/** Notes the items of a subscription that monitor values of ours, for as long as they exist. */
function follow(subscription: Subscription, byNode: ReadonlyMap<string, Variable>): void {
  subscription.on('monitoredItem', (item: MonitoredItem) => {
    const variable = byNode.get(item.node?.nodeId.toString() ?? '')
    if (!variable || item.itemToMonitor.attributeId !== VALUE_ATTRIBUTE) return
    // Between this event and its first value the item has neither timer nor listener: it gets none, but the values that `give` records.
    Object.assign(item, { _exceptionBased: true, _on_value_changed_exception_based: () => {} })
    variable.items.set(item, false)
  })
  subscription.on('removeMonitoredItem', (item: MonitoredItem) => {
    byNode.get(item.node?.nodeId.toString() ?? '')?.items.delete(item)
  })
}

const VALUE_ATTRIBUTE = 13

function give(library: Library, variable: Variable, n: number, { now }: FaultSwitch): void {
  if (now.kind === 'slow' && n % (now.everyNth ?? 1) !== 0) return
  const before = variable.last
  if (before && before.n >= n) return
  const bad = now.kind === 'wrong'
  const data = dataValue(library, variable, n, bad)
  variable.last = { n, data }
  let given = false
  for (const [item, begun] of variable.items) {
    if (!begun && !begin(variable, item)) continue
    item.recordValue(data.clone(), item.filter === null)
    given = true
  }
  if (given) addTo(bad ? variable.served.bad : variable.served.ranges, n)
}

/** Has the item had its first value? That one is a sample served too. */
function begin(variable: Variable, item: MonitoredItem): boolean {
  const first = item.oldDataValue
  if (!first.sourceTimestamp) return false
  const n = (first.sourceTimestamp.getTime() - variable.t0Ms) / variable.periodMs
  addTo(first.statusCode.isGood() ? variable.served.ranges : variable.served.bad, n)
  variable.items.set(item, true)
  return true
}

function dataValue(library: Library, variable: Variable, n: number, bad: boolean): DataValue {
  const data = new library.DataValue({})
  data.value = new library.Variant({ dataType: variable.dataType, value: variable.value(n) })
  data.statusCode = bad ? library.StatusCodes.BadSensorFailure : library.StatusCodes.Good
  data.sourceTimestamp = new Date(variable.t0Ms + n * variable.periodMs)
  data.sourcePicoseconds = 0
  data.serverTimestamp = new Date()
  data.serverPicoseconds = 0
  return data
}
