// `sources test NAME`: the way to the values, one step after the other, until one does not hold.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp } from 'node:net'
import path from 'node:path'
import { AttributeIds, type ClientSession, type NodeId } from 'node-opcua-client'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import { Unreachable } from '../../core/errors.ts'
import type { TestStep } from '../../core/source.ts'
import { formatDuration } from '../../core/units.ts'
import type { Open } from './browse.ts'
import { fingerprintOf, mismatches, openTrust, type Trust } from './certificates.ts'
import { type Connection, chooseEndpoint, connect, discover, offers, type Route, within } from './connection.ts'
import { asUnreachable } from './failures.ts'
import { NODE_REMEDY, NODE_UNKNOWN, readAttributes, readFacts, readValues, resolveNode, type ServerFacts } from './nodes.ts'
import type { OpcuaEvents, OpcuaTag } from './settings.ts'

const PORT_DEFAULT = 4840

/** Ends with the first step that does not hold; the last one, which reads each node once, tells of bad nodes. */
export async function* testSteps(route: Route, signal: AbortSignal): AsyncGenerator<TestStep> {
  const url = new URL(route.settings.endpoint)
  const host = url.hostname.replaceAll(/[[\]]/g, '')
  const port = Number(url.port) || PORT_DEFAULT
  const certificateFile = path.join(route.dir, 'pki/own/certs/holdfast.pem')
  const opened: { connection?: Connection; facts?: ServerFacts } = {}
  const trust = await openTrust(route.dir, route.device, route.settings.endpoint)
  const steps: readonly Step[] = [
    ['name', async () => `${host} is ${(await lookup(host)).address}`],
    ['connection', () => tcp(host, port)],
    ['endpoints', async () => `the server offers ${offers(await discover(route, trust, signal))}`],
    ['security', () => security(route, trust, signal)],
    ['session', async () => describeSession(route, (opened.connection = await connect(route, signal)))],
    ['namespaces', async () => describeNamespaces((opened.facts = await readFacts(sessionOf(opened))))],
  ]
  try {
    for (const [step, run] of steps) {
      const result = await attempt(step, run, certificateFile, signal)
      yield result
      if (!result.ok) return
    }
    const open = { session: sessionOf(opened), facts: opened.facts as ServerFacts }
    for (const [step, run] of lastSteps(route, open)) yield await attempt(step, run, certificateFile, signal)
  } finally {
    await opened.connection?.close()
    await trust.close()
  }
}

/** The same on the session that the source has: many servers have room for few. */
export async function* testOpen(route: Route, { session, facts }: Open, signal: AbortSignal): AsyncGenerator<TestStep> {
  const kept = `the one that the source has, kept for ${formatDuration(session.timeout)}`
  yield { step: 'session', ok: true, detail: `${kept}; state and values are asked for on it` }
  const asked = async () => describeNamespaces(await readFacts(session))
  const namespaces = await attempt('namespaces', asked, '', signal)
  yield namespaces
  if (!namespaces.ok) return
  for (const [step, run] of lastSteps(route, { session, facts })) yield await attempt(step, run, '', signal)
}

type Step = readonly [name: string, run: () => Promise<string>]

/** Of what the source has: values, events, or both. */
function lastSteps({ settings: { tags, events } }: Route, open: Open): Step[] {
  const steps: Step[] = []
  if (tags.length > 0) steps.push(['nodes', () => readNodes(tags, open)])
  if (events.length > 0) steps.push(['events', () => askNotifiers(events, open)])
  return steps
}

function sessionOf(opened: { connection?: Connection }): ClientSession {
  return (opened.connection as Connection).session
}

async function attempt(
  step: string,
  run: () => Promise<string>,
  certificateFile: string,
  signal: AbortSignal,
): Promise<TestStep> {
  try {
    return { step, ok: true, detail: await within(TEST_STEP_MS_MAX, 'no answer within 10 s: timeout', run, signal) }
  } catch (error) {
    const { message, remedy } = asUnreachable(error, certificateFile)
    return { step, ok: false, detail: message, ...(remedy === undefined ? {} : { remedy }) }
  }
}

function tcp(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, timeout: TEST_STEP_MS_MAX })
    const end = (settle: () => void) => {
      socket.destroy()
      settle()
    }
    socket.once('connect', () => end(() => resolve(`${host}:${port} answers`)))
    socket.once('timeout', () => end(() => reject(new Error('ETIMEDOUT'))))
    socket.once('error', (error) => end(() => reject(error)))
  })
}

async function security(route: Route, trust: Trust, signal: AbortSignal): Promise<string> {
  const endpoint = await chooseEndpoint(route, trust, await discover(route, trust, signal))
  const { policy, mode, insecure } = route.settings.security
  if (mode === 'None') return `nothing is signed or encrypted, because: ${insecure}`
  const warnings = mismatches(endpoint.serverCertificate, route.settings.endpoint, endpoint.server.applicationUri)
  const trusted = `${policy} ${mode}, certificate ${fingerprintOf(endpoint.serverCertificate)} is trusted`
  return [trusted, ...warnings].join('; but ')
}

function describeSession(route: Route, { session }: Connection): string {
  const { user, certificate } = route.settings.security
  const who = user ?? (certificate === undefined ? 'anonymous' : 'the user certificate')
  return `as ${who}; the server keeps the session for ${formatDuration(session.timeout)}`
}

function describeNamespaces(facts: ServerFacts): string {
  return facts.namespaces.map((uri, index) => `${index} ${uri}`).join(', ')
}

/** Reads each node once: how many are good, and the first that is not. */
async function readNodes(tags: readonly OpcuaTag[], { session, facts }: Open): Promise<string> {
  const resolved = tags.map((tag) => ({ tag, nodeId: resolveNode(tag.node, facts.namespaces) }))
  const present = resolved.filter((it): it is typeof it & { nodeId: NodeId } => it.nodeId !== undefined)
  const nodes = present.map((it) => it.nodeId)
  const values = await readValues(session, facts.limits, nodes)
  const bad = [
    ...resolved.filter((it) => !it.nodeId).map(({ tag }) => ({ tag, why: 'the server has no such namespace' })),
    ...present.flatMap(({ tag }, at) => (values[at]?.statusCode.isBad() ? [{ tag, why: values[at].statusCode.name }] : [])),
  ]
  const [first] = bad
  if (!first) return `${resolved.length} of ${resolved.length} nodes have a value`
  const text = `${bad.length} of ${resolved.length} nodes have no good value; the first is ${first.tag.tag}, node ${first.tag.node}: ${first.why}`
  throw new Unreachable('node-refused', text, { remedy: NODE_REMEDY })
}

/** Asks each node whether events come from it: the first bit of its EventNotifier. */
async function askNotifiers(events: readonly OpcuaEvents[], { session, facts }: Open): Promise<string> {
  const problems: string[] = []
  for (const { tag, node } of events) {
    const nodeId = resolveNode(node, facts.namespaces)
    const why = nodeId ? await whyNoEvents(session, facts, nodeId) : NODE_UNKNOWN.name
    if (why !== undefined) problems.push(`${tag}, node ${node}: ${why}`)
  }
  if (problems.length === 0) return `${events.length} of ${events.length} nodes give events`
  const text = `${problems.length} of ${events.length} nodes give no events; the first is ${problems[0]}`
  throw new Unreachable('node-refused', text, {
    remedy: 'Take a node that gives events: the Server object, i=2253, gives all of them.',
  })
}

async function whyNoEvents(session: ClientSession, { limits }: ServerFacts, nodeId: NodeId): Promise<string | undefined> {
  const [notifier] = await readAttributes(session, limits, [{ nodeId, attributeId: AttributeIds.EventNotifier }])
  if (!notifier || notifier.statusCode.isBad()) return notifier?.statusCode.name ?? 'no answer'
  return (Number(notifier.value.value) & 1) === 1 ? undefined : 'its EventNotifier says that nobody can subscribe to it'
}
