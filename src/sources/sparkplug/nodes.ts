// All nodes as the host sees them: births, deaths, the sequence over a node and its devices, and requests for a rebirth.
//
// What always holds: an alias is read by a birth after which no message is missing. A gap in the sequence, an unknown alias, a device or node
// without a birth, and our own absence make the scopes of a node wait: their payloads are kept as they are and read after the birth that we ask for.
import type { BatchBuilder } from '../../core/batch.ts'
import type { Micros } from '../../core/reading.ts'
import type { Logger } from '../../core/source.ts'
import { newRequests } from './requests.ts'
import type { Scope } from './scope.ts'
import { addAll, bdSeqOf, knowsAll, learn, newScope } from './scope.ts'
import type { Place, Tags } from './tags.ts'
import type { Address } from './topics.ts'
import type { Payload } from './wire.ts'
import { decodePayload } from './wire.ts'

const NODES_MAX = 10_000
const DEVICES_MAX = 50_000
const WAITING_BYTES_MAX = 16_000_000
/** All that a scope keeps is read at once, when its birth comes. */
const SCOPE_WAITING_BYTES_MAX = 2_000_000
/** A payload that waits costs so much beside its bytes. */
const WAITING_OVERHEAD = 200
/** After a node's birth its devices' follow at once. */
const DEVICE_BIRTH_MS_MAX = 30_000

export interface Node {
  readonly own: Scope
  readonly devices: Map<string, Scope>
  /** The number that comes next. */
  seq: number | undefined
  bdSeq: number | undefined
  /** Since we are connected. */
  isHeard: boolean
}

interface Parts {
  readonly tags: Tags
  readonly builder: BatchBuilder
  readonly log: Logger
  /** Sends a request for a rebirth; false: there is no connection now. */
  ask(group: string, node: string): boolean
  unreadable(address: Address, payload: Uint8Array, reason: string, now: Micros): void
}

/** Of one message. */
export interface Came {
  readonly now: Micros
  /** Monotonic ms. */
  readonly at: number
  readonly isFull: boolean
  /** It came with DUP. */
  readonly isAgain: boolean
}

export function newNodes(parts: Parts) {
  const { tags, builder, log } = parts
  const nodes = new Map<string, Node>()
  const requests = newRequests<Node>((node) => parts.ask(node.own.place.group, node.own.place.node))
  const counts: Record<string, number> = {}
  let deviceCount = 0
  let waitingBytes = 0

  const count = (what: string, by = 1) => void (counts[what] = (counts[what] ?? 0) + by)
  const refuse = (reason: string, time: Micros, by = 1) => builder.refuse(tags.anyClass, reason, time, by)
  const scopesOf = (node: Node) => [node.own, ...node.devices.values()]
  const nameOf = ({ group, node, device }: Place) => [group, node, ...(device === undefined ? [] : [device])].join('/')

  function nodeOf({ group, node }: Address): Node | undefined {
    const key = `${group}/${node}`
    let found = nodes.get(key)
    if (!found && nodes.size < NODES_MAX) {
      const own = newScope({ group, node, device: undefined })
      found = { own, devices: new Map(), seq: undefined, bdSeq: undefined, isHeard: false }
      nodes.set(key, found)
    }
    return found
  }

  function scopeOf(node: Node, { group, node: name, device }: Address): Scope | undefined {
    if (device === undefined) return node.own
    let found = node.devices.get(device)
    if (!found && deviceCount < DEVICES_MAX) {
      deviceCount++
      found = newScope({ group, node: name, device })
      node.devices.set(device, found)
    }
    return found
  }

  function contextOf(scope: Scope, came: Came, isBirth: boolean) {
    return {
      tags,
      now: came.now,
      isFull: came.isFull,
      isBirth,
      refuse,
      problem(reason: string, metric: string, by = 1) {
        const isFirst = counts[reason] === undefined
        count(reason, by)
        if (isFirst) log.warn({ code: reason, metric }, `${nameOf(scope.place)}: ${metric}: ${reason}`)
      },
    }
  }

  function keep(node: Node, scope: Scope, bytes: Uint8Array, payload: Payload, came: Came): void {
    const size = bytes.length + WAITING_OVERHEAD
    requests.want(node, came.at)
    const isFull = waitingBytes + size > WAITING_BYTES_MAX || scope.waitingBytes + size > SCOPE_WAITING_BYTES_MAX
    if (isFull || came.isFull) return refuse('overflow', came.now, metricsOf(payload))
    waitingBytes += size
    scope.waitingBytes += size
    scope.waiting.push({ payload: Uint8Array.from(bytes), received: came.now })
  }

  function takeWaiting(scope: Scope): Scope['waiting'] {
    const list = scope.waiting
    scope.waiting = []
    waitingBytes -= scope.waitingBytes
    scope.waitingBytes = 0
    return list
  }

  /** What waited, by what is known now. */
  function readWaiting(scope: Scope, came: Came): void {
    for (const { payload, received } of takeWaiting(scope))
      addAll(scope, decodePayload(payload), contextOf(scope, { ...came, now: received }, false))
  }

  function loseWaiting(scope: Scope): void {
    for (const { payload, received } of takeWaiting(scope)) refuse('no-birth', received, metricsOf(decodePayload(payload)))
  }

  function inSequence(node: Node, { seq }: Payload, came: Came): 'ok' | 'gap' | 'again' {
    const number = seq === undefined ? undefined : Number(seq & 255n)
    const expected = node.seq
    if (number === undefined) return 'ok'
    if (expected !== undefined && came.isAgain && number === ((expected + 255) & 255)) return 'again'
    node.seq = (number + 1) & 255
    return expected === undefined || expected === number ? 'ok' : 'gap'
  }

  function missed(node: Node, came: Came): void {
    count('sequence-gap')
    for (const it of scopesOf(node)) if (it.mode === 'confirmed') it.mode = 'waiting'
    requests.want(node, came.at)
  }

  function die(scope: Scope, time: Micros | undefined, now: Micros): void {
    loseWaiting(scope)
    if (scope.mode !== 'dead') for (const slot of scope.slots) tags.addBad(slot, time, now)
    scope.mode = 'dead'
    scope.birthDue = undefined
    scope.byAlias = new Map()
  }

  function nodeBirth(node: Node, payload: Payload, came: Came): void {
    node.bdSeq = bdSeqOf(payload)
    node.seq = payload.seq === undefined ? undefined : Number((payload.seq + 1n) & 255n)
    requests.answered(node, came.at)
    birth(node.own, payload, came)
    for (const it of node.devices.values()) {
      if (it.mode !== 'dead') it.mode = 'waiting'
      if (it.mode !== 'dead' || it.waiting.length > 0) it.birthDue = came.at + DEVICE_BIRTH_MS_MAX
    }
  }

  function birth(scope: Scope, payload: Payload, came: Came): void {
    learn(scope, payload)
    readWaiting(scope, came)
    addAll(scope, payload, contextOf(scope, came, true))
  }

  function nodeDeath(node: Node, payload: Payload, came: Came): void {
    const bdSeq = bdSeqOf(payload)
    const isOfOlder = bdSeq !== undefined && node.bdSeq !== undefined && isOlder(bdSeq, node.bdSeq)
    // The will of a connection that another has replaced comes late.
    if (isOfOlder && node.own.mode !== 'dead') return count('old-death')
    node.seq = undefined
    requests.forget(node)
    for (const it of scopesOf(node)) die(it, undefined, came.now)
  }

  function data(node: Node, scope: Scope, bytes: Uint8Array, payload: Payload, came: Came): void {
    const order = inSequence(node, payload, came)
    if (order === 'again') return count('duplicates')
    if (order === 'gap') missed(node, came)
    const isKnown = scope.mode === 'confirmed' && knowsAll(scope, payload)
    if (isKnown || scope.mode === 'unconfirmed') return addAll(scope, payload, contextOf(scope, came, false))
    scope.mode = 'waiting'
    keep(node, scope, bytes, payload, came)
  }

  function deviceBirth(node: Node, scope: Scope, payload: Payload, came: Came): void {
    const order = inSequence(node, payload, came)
    if (order === 'again') return count('duplicates')
    if (order === 'gap') missed(node, came)
    if (node.own.mode !== 'confirmed') requests.want(node, came.at)
    birth(scope, payload, came)
  }

  function deviceDeath(node: Node, scope: Scope, payload: Payload, came: Came): void {
    if (inSequence(node, payload, came) === 'gap') missed(node, came)
    const ms = payload.timestamp
    die(scope, ms === undefined || ms > MS_MAX ? undefined : Number(ms) * 1000, came.now)
  }

  function decoded(address: Address, bytes: Uint8Array, now: Micros): Payload | undefined {
    try {
      return decodePayload(bytes)
    } catch (error) {
      parts.unreadable(address, bytes, (error as Error).message, now)
      refuse('unreadable', now)
      return undefined
    }
  }

  function take(address: Address, bytes: Uint8Array, came: Came): void {
    const node = nodeOf(address)
    const scope = node && scopeOf(node, address)
    const payload = decoded(address, bytes, came.now)
    if (!node || !scope) return refuse('too-many-tags', came.now, payload ? metricsOf(payload) : 1)
    node.isHeard = true
    // That a node has died needs no payload.
    if (!payload) return address.kind === 'NDEATH' ? nodeDeath(node, {}, came) : undefined
    switch (address.kind) {
      case 'NBIRTH':
        return nodeBirth(node, payload, came)
      case 'NDEATH':
        return nodeDeath(node, payload, came)
      case 'DBIRTH':
        return deviceBirth(node, scope, payload, came)
      case 'DDEATH':
        return deviceDeath(node, scope, payload, came)
      default:
        return data(node, scope, bytes, payload, came)
    }
  }

  /** A node that does not answer: what is known has to do, and what is not known is lost. */
  function giveUp(node: Node, came: Came): void {
    for (const it of scopesOf(node)) {
      if (it.mode !== 'waiting') continue
      if (!node.isHeard) die(it, undefined, came.now)
      else {
        it.mode = 'unconfirmed'
        readWaiting(it, came)
      }
    }
    if (node.isHeard) count('rebirth-unanswered')
    log.warn({ code: 'rebirth-unanswered' }, `${nameOf(node.own.place)} does not answer requests for a birth`)
  }

  function overdue(node: Node, came: Came): void {
    for (const it of node.devices.values()) {
      if (it.birthDue === undefined || it.birthDue > came.at) continue
      if (it.waiting.length > 0) requests.want(node, came.at)
      die(it, undefined, came.now)
    }
  }

  return {
    take,
    /** Once a second. */
    tick(came: Came): void {
      for (const node of nodes.values()) overdue(node, came)
      const isUnsure = (node: Node) => scopesOf(node).some((it) => it.mode === 'waiting' || it.mode === 'unconfirmed')
      requests.tick(came.at, isUnsure, (node) => giveUp(node, came))
    },
    /** We were away: whatever may have come meanwhile is missing. */
    returned(at: number): void {
      for (const node of nodes.values()) {
        node.isHeard = false
        node.seq = undefined
        for (const it of scopesOf(node)) if (it.mode === 'confirmed' || it.mode === 'unconfirmed') it.mode = 'waiting'
        if (scopesOf(node).some((it) => it.mode === 'waiting')) requests.want(node, at)
      }
    },
    nodes: (): ReadonlyMap<string, Node> => nodes,
    counts,
    figures: () => ({ nodes: nodes.size, waitingBytes, rebirthsAsked: requests.sent() }),
  }
}

/** Both count from 0 to 255 and begin anew. */
function isOlder(one: number, other: number): boolean {
  const by = (other - one) & 255
  return by > 0 && by < 128
}

const metricsOf = ({ metrics = [] }: Payload) => Math.max(1, metrics.length)
const MS_MAX = 9_000_000_000_000n
