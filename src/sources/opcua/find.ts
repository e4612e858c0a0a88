// Asks a host for OPC UA servers: at its usual port, and at the ports that the discovery server there knows.
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type ApplicationDescription, ApplicationType, type EndpointDescription, OPCUAClient } from 'node-opcua-client'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import type { Found } from '../../core/source.ts'
import { offers, within } from './connection.ts'

const PORT_DEFAULT = 4840
const TCP_MS_MAX = 2_000
const ANSWER_MS_MAX = 5_000
/** A discovery server tells what it likes. */
const SERVERS_MAX = 50

export async function find(host: string, signal: AbortSignal, port = PORT_DEFAULT): Promise<readonly Found[]> {
  if (!(await answers(host, port, signal))) return []
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-find-'))
  const manager = new OPCUACertificateManager({ rootFolder: folder, disableFileWatchers: true })
  try {
    await manager.initialize()
    const ask = newAsker(manager, signal)
    const first = urlOf(host, port)
    const servers = await ask(first, (client) => client.findServers())
    if (!servers) return []
    const urls = [...new Set([first, ...servers.flatMap((it) => addressesOf(it, host))])].slice(0, SERVERS_MAX)
    const found: Found[] = []
    for (const url of urls) {
      const endpoints = await ask(url, (client) => client.getEndpoints())
      if (endpoints) found.push(...foundAt(url, endpoints))
    }
    return found
  } finally {
    await manager.dispose()
    await rm(folder, { recursive: true, force: true })
  }
}

type Ask = <T>(url: string, question: (client: OPCUAClient) => Promise<T>) => Promise<T | undefined>

/** Undefined: nobody there speaks it. No session, no certificate of ours: what is asked is open to anybody. */
function newAsker(clientCertificateManager: OPCUACertificateManager, signal: AbortSignal): Ask {
  return async (url, question) => {
    const client = OPCUAClient.create({
      applicationName: 'Holdfast',
      clientCertificateManager,
      endpointMustExist: false,
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
      transportTimeout: ANSWER_MS_MAX,
    })
    // Each client that is closed lets go of the manager once.
    clientCertificateManager.referenceCounter++
    const work = async () => {
      await client.connect(url)
      return await question(client)
    }
    try {
      return await within(ANSWER_MS_MAX, 'timeout', work, signal)
    } catch {
      return undefined
    } finally {
      await within(ANSWER_MS_MAX, 'timeout', () => client.disconnect()).catch(() => {})
    }
  }
}

function answers(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TCP_MS_MAX, signal })
    const end = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

function urlOf(host: string, port: number, rest = ''): string {
  return `opc.tcp://${host.includes(':') ? `[${host}]` : host}:${port}${rest}`
}

/** A server seldom knows by which name others reach it: its port and path, at the host that was asked. */
function addressesOf({ applicationType, discoveryUrls }: ApplicationDescription, host: string): string[] {
  if (applicationType === ApplicationType.Client) return []
  return (discoveryUrls ?? []).flatMap((text) => {
    const url = URL.parse(text ?? '')
    if (url?.protocol !== 'opc.tcp:') return []
    return [urlOf(host, Number(url.port) || PORT_DEFAULT, url.pathname === '/' ? '' : url.pathname)]
  })
}

function foundAt(url: string, endpoints: readonly EndpointDescription[]): Found[] {
  const server = endpoints[0]?.server
  // A discovery server has no values.
  if (!server || server.applicationType === ApplicationType.DiscoveryServer) return []
  const name = server.applicationName?.text ?? 'a server without a name'
  const { host } = new URL(url)
  return [
    {
      address: host,
      detail: `${name} (${server.applicationUri ?? 'no URI'}): ${offers(endpoints)}`,
      entry: { protocol: 'opcua', endpoint: url },
    },
  ]
}
