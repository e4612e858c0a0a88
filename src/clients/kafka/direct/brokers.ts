// The brokers of a cluster: one connection to each that is needed, opened when it is.
import type { Traffic } from '../../../core/uplink.ts'
import type { KafkaAccess } from '../access.ts'
import { addressOf, tlsOptions } from '../access.ts'
import { tokenSource } from '../oauth.ts'
import { socketKeeper } from '../sockets.ts'
import type { Coordinator, Metadata } from './calls.ts'
import { findCoordinator, metadata } from './calls.ts'
import type { Connection } from './connection.ts'
import { connect } from './connection.ts'
import { kafkaError } from './errors.ts'
import { authenticator } from './sasl.ts'

export interface Brokers {
  /** Whichever of the settings answers first, in their order. Rejects with the last one's error. */
  any(): Promise<Connection>
  /** One that metadata or a coordinator's answer named. */
  node(id: number): Promise<Connection>
  metadata(topics: readonly string[]): Promise<Metadata>
  /** The broker that has it, for `node`. Rejects with KafkaError while there is none. */
  coordinator(kind: 'group' | 'transaction', key: string): Promise<number>
  /** Closes every socket now, for ever. */
  destroy(): void
}

interface BrokersOptions {
  readonly clientId: string
  /** Source address of every socket. */
  readonly localAddress: string | undefined
  readonly traffic?: Traffic | undefined
}

export function brokersOf(access: KafkaAccess, { clientId, localAddress, traffic }: BrokersOptions): Brokers {
  const sockets = socketKeeper(localAddress, traffic)
  const token = access.sasl?.mechanism === 'oauthbearer' ? tokenSource(access.sasl, { ca: access.tls?.ca, sockets }) : undefined
  const options = {
    clientId,
    sockets,
    tls: access.tls && tlsOptions(access.tls),
    authenticate: access.sasl && authenticator(access.sasl, token),
  }
  const open = new Map<string, Promise<Connection>>()
  const addresses = new Map<number, string>()
  let first: string | undefined

  /** Two that ask at a time get the same one. */
  async function at(address: string): Promise<Connection> {
    const known = open.get(address)
    const usable = await known?.catch(() => undefined)
    if (usable?.isUsable()) return usable
    if (open.get(address) !== known) return at(address)
    const made = connect(addressOf(address), options)
    open.set(address, made)
    return made
  }

  async function any(): Promise<Connection> {
    let failure: unknown
    for (const it of [...(first === undefined ? [] : [first]), ...access.brokers]) {
      try {
        const found = await at(it)
        first = it
        return found
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  function remember({ id, host, port }: Coordinator): void {
    addresses.set(id, `${host}:${port}`)
  }

  async function node(id: number): Promise<Connection> {
    const address = addresses.get(id)
    if (address === undefined) throw kafkaError(8, `broker ${id}`, 'the cluster names a broker and not its address')
    return at(address)
  }

  return {
    any,
    node,
    async metadata(topics) {
      const found = await (await any()).send(metadata(topics))
      found.brokers.forEach(remember)
      return found
    },
    async coordinator(kind, key) {
      const found = await (await any()).send(findCoordinator(kind, key))
      remember(found)
      return found.id
    },
    destroy: sockets.destroy,
  }
}
