// From an address to a session. Never with less security than the settings say: the endpoint has to match policy and mode exactly,
// its certificate has to be trusted before the secure channel is opened with it, and a password never travels in the clear.
import { X509Certificate } from 'node:crypto'
import {
  type ClientSession,
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type OPCUAClientOptions,
  SecurityPolicy,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client'
import { Unreachable } from '../../core/errors.ts'
import { assertTrusted, mismatches, openTrust, type Trust } from './certificates.ts'
import type { OpcuaSettings } from './settings.ts'
import type { Timing } from './timing.ts'

/** What a server may send in one message: a read of 1,000 long strings fits, memory does not run out. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
const CHUNK_BYTES_MAX = 64 * 1024
const NO_ANSWER = 'the server does not answer: timeout'
// Each chunk loses a little to its headers.
const CHUNKS_MAX = (MESSAGE_BYTES_MAX / CHUNK_BYTES_MAX) * 1.25

/** Where a connection comes from, and how patient it is. */
export interface Route {
  /** Of the source. */
  readonly name: string
  readonly settings: OpcuaSettings
  readonly dir: string
  readonly device: string
  readonly timing: Timing
}

/** A session with its client. `close` takes at most `disconnectMsMax`. */
export interface Connection {
  readonly client: OPCUAClient
  readonly session: ClientSession
  readonly endpoint: EndpointDescription
  /** Differences between certificate and server, for a person. */
  readonly warnings: readonly string[]
  close(): Promise<void>
}

/** Our trust list, and what the server offers. What comes back here is not authenticated: it is only good for choosing. */
export async function discover(route: Route, trust: Trust, signal?: AbortSignal): Promise<EndpointDescription[]> {
  const client = OPCUAClient.create({
    ...common(route, trust),
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
  })
  try {
    const ask = async () => {
      await client.connect(route.settings.endpoint)
      return await client.getEndpoints()
    }
    return await within(route.timing.connectMsMax, NO_ANSWER, ask, signal)
  } finally {
    await bounded(client.disconnect(), route.timing.disconnectMsMax)
  }
}

/** The endpoint with exactly the policy and mode of the settings, its certificate trusted. */
export async function chooseEndpoint(
  route: Route,
  trust: Trust,
  offered: readonly EndpointDescription[],
): Promise<EndpointDescription> {
  const { policy, mode } = route.settings.security
  const endpoint = offered.find(
    (it) => it.securityPolicyUri === SecurityPolicy[policy] && it.securityMode === MessageSecurityMode[mode],
  )
  if (!endpoint)
    throw new Unreachable('security-not-offered', `the server does not offer ${policy} ${mode}, but ${offers(offered)}`, {
      remedy: `Switch ${policy} with ${mode} on in the server; a connection with less is not made.`,
    })
  if (mode !== 'None') await assertTrusted(trust, endpoint.serverCertificate, route.name)
  return endpoint
}

/** `Basic256Sha256 SignAndEncrypt (user name, anonymous)`, one after the other. */
export function offers(offered: readonly EndpointDescription[]): string {
  const lines = offered.map((it) => {
    const users = new Set((it.userIdentityTokens ?? []).map((token) => UserTokenType[token.tokenType]))
    return `${policyName(it.securityPolicyUri)} ${MessageSecurityMode[it.securityMode]} (${[...users].join(', ') || 'no users'})`
  })
  return [...new Set(lines)].join('; ') || 'nothing'
}

function policyName(uri: string | null): string {
  return (uri ?? '').split('#').pop() || 'unknown'
}

/** Discovery, trust, secure channel, session: the whole way. */
export async function connect(route: Route, signal?: AbortSignal): Promise<Connection> {
  const trust = await openTrust(route.dir, route.device, route.settings.endpoint)
  let client: OPCUAClient | undefined
  const close = async () => {
    if (client) await bounded(client.disconnect(), route.timing.disconnectMsMax)
    await trust.close()
  }
  try {
    const endpoint = await chooseEndpoint(route, trust, await discover(route, trust, signal))
    client = secureClient(route, trust, endpoint)
    const session = await openSession(route, client, signal)
    const warnings =
      route.settings.security.mode === 'None'
        ? []
        : [
            ...mismatches(endpoint.serverCertificate, route.settings.endpoint, endpoint.server.applicationUri),
            ...(trust.warning === undefined ? [] : [trust.warning]),
          ]
    return { client, session, endpoint, warnings, close }
  } catch (error) {
    await close()
    throw error
  }
}

function secureClient(route: Route, trust: Trust, endpoint: EndpointDescription): OPCUAClient {
  const { policy, mode } = route.settings.security
  return OPCUAClient.create({
    ...common(route, trust),
    securityMode: MessageSecurityMode[mode],
    securityPolicy: SecurityPolicy[policy],
    ...(mode === 'None' ? {} : { serverCertificate: endpoint.serverCertificate }),
    // After a cut the library takes the session up again, with what the server kept for it; the watchdog ends that after sessionTimeout.
    connectionStrategy: { maxRetry: 1, initialDelay: 500, maxDelay: 5_000, randomisationFactor: 0.2 },
    requestedSessionTimeout: route.settings.sessionTimeoutMs,
    keepSessionAlive: true,
    keepAliveInterval: route.timing.pingMs,
  })
}

function common(route: Route, trust: Trust): OPCUAClientOptions {
  return {
    applicationName: 'Holdfast',
    applicationUri: trust.applicationUri,
    clientName: `Holdfast-${route.device}`,
    clientCertificateManager: trust.manager,
    certificateFile: trust.certificateFile,
    privateKeyFile: trust.privateKeyFile,
    // Behind address translation a server names itself otherwise than we do.
    endpointMustExist: false,
    transportSettings: {
      maxMessageSize: MESSAGE_BYTES_MAX,
      maxChunkCount: CHUNKS_MAX,
      receiveBufferSize: CHUNK_BYTES_MAX,
      sendBufferSize: CHUNK_BYTES_MAX,
    },
    transportTimeout: route.timing.connectMsMax,
  }
}

async function openSession(route: Route, client: OPCUAClient, signal?: AbortSignal): Promise<ClientSession> {
  const open = async () => {
    await client.connect(route.settings.endpoint)
    // Asked again inside the secure channel: nobody on the way can have changed this answer.
    assertPasswordProtected(route.settings, await client.getEndpoints())
    return await client.createSession(identity(route.settings))
  }
  return await within(route.timing.connectMsMax, NO_ANSWER, open, signal)
}

/** A server may ask for the password unencrypted inside a channel that only signs: not without a reason in the settings. */
function assertPasswordProtected({ security }: OpcuaSettings, endpoints: readonly EndpointDescription[]): void {
  if (security.user === undefined || security.mode === 'SignAndEncrypt') return
  const endpoint = endpoints.find(
    (it) => it.securityPolicyUri === SecurityPolicy[security.policy] && it.securityMode === MessageSecurityMode[security.mode],
  )
  const protecting = (uri: string | null) => (uri ? uri !== SecurityPolicy.None : security.policy !== 'None')
  const tokens = (endpoint?.userIdentityTokens ?? []).filter((it) => it.tokenType === UserTokenType.UserName)
  if (tokens.length === 0 || tokens.some((it) => protecting(it.securityPolicyUri)) || security.policy === 'None') return
  throw new Unreachable('password-unprotected', 'the server wants the password unencrypted in a channel that is only signed', {
    remedy: 'Use mode SignAndEncrypt, or a user certificate.',
  })
}

function identity({ security }: OpcuaSettings): UserIdentityInfo {
  if (security.user !== undefined)
    return { type: UserTokenType.UserName, userName: security.user, password: plain(security.password) }
  if (security.certificate !== undefined)
    return {
      type: UserTokenType.Certificate,
      certificateData: new X509Certificate(plain(security.certificate)).raw,
      privateKey: plain(security.privateKey),
    }
  return { type: UserTokenType.Anonymous }
}

/** Secrets are resolved before a source is opened: one that is not is a bug. */
function plain(value: string | { secret: string } | undefined): string {
  if (typeof value !== 'string') throw new TypeError(`secret ${value?.secret ?? ''} is not resolved`)
  return value
}

/** Rejects when it takes longer, or the signal aborts; what was begun ends with the client. */
export async function within<T>(ms: number, text: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(text)), ms)
  const onAbort = () => reject(new Error('stopped'))
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()
  try {
    return await Promise.race([late, work()])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Waits for the end of something that may never end: during the library's back-off `disconnect` did not. */
async function bounded(work: Promise<unknown>, ms: number): Promise<void> {
  const ended = work.catch(() => {})
  await within(ms, '', () => ended).catch(() => {})
}
