// A TCP proxy before a Kafka: it knows by the client id whose connection it is, and by the first bytes of a frame which call goes by.
//
//   box ─► [ rule ─► late ─► lost? ─► slow ] ─► broker        each box its own rule and its own weather,
//   box ◄─ [ slow ◄─ lost? ◄─ late ◄─ rule ] ◄─ broker        each direction of each connection in its order
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './frames.ts'
import { frameSplitter, requestHead } from './frames.ts'

export interface Frame {
  readonly what: 'request' | 'answer'
  readonly api: Api | undefined
  /** 1 for the first of this call and direction since the rule was set. */
  readonly nth: number
}

/**
 * What becomes of a frame. cut: the connection is reset instead · then-cut: after it · tear: in the midst of it · freeze: from it on nothing
 * comes through in this direction of this connection · hold: it and what follows stay in the network until `release`, whatever becomes of the box.
 */
export type Action = 'pass' | 'cut' | 'then-cut' | 'tear' | 'freeze' | 'hold' | { readonly lateMs: number }
export type Rule = (frame: Frame) => Action

/** lost: gone for good, as on a link that comes back with another address · kept: it comes once the link heals, as TCP sends again. */
type Passing = 'open' | 'lost' | 'kept'

export interface BoxLink {
  rule(rule: Rule | undefined): void
  /** Resolves once the broker has, or is getting, what was held. */
  release(): void
  weather(toBroker: Passing, toBox: Passing): void
  /** Connections that lost something are reset, or stay as they are: half open, and nobody says so. */
  heal(broken?: 'reset' | 'silent'): void
  /** Bytes a second in each direction, and a way's time that is new for each piece of 1,400 bytes. */
  slow(bytesPerS: number, delayMs: () => number): void
  /** When each connection was tried, ms. */
  readonly tries: readonly number[]
  /** By call: requests that came. */
  readonly calls: ReadonlyMap<Api, number>
  readonly bytes: number
}

export interface Link {
  readonly port: number
  /** The weather of a client, by the id that its requests carry. */
  of(clientId: string): BoxLink
  close(): Promise<void>
}

interface Weather {
  rule: Rule | undefined
  seen: Map<string, number>
  toBroker: Passing
  toBox: Passing
  bytesPerS: number
  delayMs: () => number
  healed: (() => void)[]
  held: (() => void)[]
  broken: Set<() => void>
  tries: number[]
  calls: Map<Api, number>
  bytes: number
}

const PIECE_BYTES = 1_400
const QUEUE_BYTES_MAX = 64_000
/** For what was written last. */
const CLOSE_MS = 500

const newWeather = (): Weather => ({
  rule: undefined,
  seen: new Map(),
  toBroker: 'open',
  toBox: 'open',
  bytesPerS: Infinity,
  delayMs: () => 0,
  healed: [],
  held: [],
  broken: new Set(),
  tries: [],
  calls: new Map(),
  bytes: 0,
})

/** `to` is asked at each connection. */
export async function openLink(to: () => { host: string; port: number }, port = 0): Promise<Link> {
  const clients = new Map<string, Weather>()
  const weatherOf = (id: string) => clients.get(id) ?? clients.set(id, newWeather()).get(id) ?? newWeather()
  const open = new Set<net.Socket>()
  const server = net.createServer((near) => connect(near, net.connect(to()), weatherOf, open))
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    port: (server.address() as net.AddressInfo).port,
    of: (id) => boxLink(weatherOf(id)),
    async close() {
      for (const it of open) it.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

function boxLink(it: Weather): BoxLink {
  const heal = (broken: 'reset' | 'silent' = 'reset') => {
    Object.assign(it, { toBroker: 'open', toBox: 'open' })
    for (const done of it.healed.splice(0)) done()
    if (broken === 'reset') for (const reset of it.broken) reset()
    it.broken.clear()
  }
  return {
    rule(rule) {
      it.seen.clear()
      it.rule = rule
    },
    release: () => it.held.splice(0).forEach((done) => done()),
    weather: (toBroker, toBox) => void Object.assign(it, { toBroker, toBox }),
    heal,
    slow: (bytesPerS, delayMs) => void Object.assign(it, { bytesPerS, delayMs }),
    tries: it.tries,
    calls: it.calls,
    get bytes() {
      return it.bytes
    },
  }
}

/** One connection. Whose it is shows with its first request. */
function connect(near: net.Socket, far: net.Socket, weatherOf: (id: string) => Weather, open: Set<net.Socket>): void {
  const at = performance.now()
  const apis = new Map<number, Api | undefined>()
  let weather = newWeather()
  let isKnown = false
  let isHeld = false
  for (const it of [near, far]) {
    open.add(it)
    it.setNoDelay(true)
    it.on('error', () => {})
    it.once('close', () => open.delete(it))
  }
  const reset = () => {
    near.resetAndDestroy()
    if (!isHeld) far.resetAndDestroy()
  }
  const state = { isDead: false }
  const parts = { reset, weather: () => weather, hold: () => (isHeld = true), state }
  const toBroker = way({ ...parts, what: 'request', to: far, from: near })
  const toBox = way({ ...parts, what: 'answer', to: near, from: far })
  const requests = frameSplitter()
  const answers = frameSplitter()
  near.on('data', (chunk) => {
    for (const frame of requests(chunk)) {
      const head = requestHead(frame.subarray(4))
      if (!isKnown) {
        weather = weatherOf(head.clientId)
        weather.tries.push(at)
        isKnown = true
      }
      if (head.api) weather.calls.set(head.api, (weather.calls.get(head.api) ?? 0) + 1)
      apis.set(head.correlation, head.api)
      toBroker(frame, head.api)
    }
  })
  far.on('data', (chunk) => {
    for (const frame of answers(chunk)) toBox(frame, apis.get(frame.readInt32BE(4)))
  })
  // That one side has gone passes only where its side of the link is open, and after what is on its way.
  near.once('close', () => toBroker('end'))
  far.once('close', () => toBox('end'))
}

interface WayParts {
  readonly what: 'request' | 'answer'
  readonly from: net.Socket
  readonly to: net.Socket
  readonly reset: () => void
  readonly weather: () => Weather
  readonly hold: () => void
  /** Dead: something was lost in it, so that whatever follows cannot arrive. */
  readonly state: { isDead: boolean }
}

/**
 * One direction of one connection: whatever is given to it goes in its order. Pieces leave one after the other, as quickly as the link carries them,
 * and are on their way at the same time: a long way makes a link late, not slow.
 */
function way(parts: WayParts): (what: Buffer | 'end', api?: Api) => void {
  const { from, to, what, weather } = parts
  let chain: Promise<void> = Promise.resolve()
  /** What is on its way: each piece after the one before it. */
  let arriving: Promise<void> = Promise.resolve()
  let waiting = 0
  let isFrozen = false
  const passing = () => (what === 'request' ? weather().toBroker : weather().toBox)

  /** False: it is lost. */
  async function arrives(): Promise<boolean> {
    while (passing() === 'kept') await new Promise<void>((done) => weather().healed.push(done))
    if (passing() === 'open' && !parts.state.isDead) return true
    parts.state.isDead = true
    weather().broken.add(parts.reset)
    return false
  }

  async function arrive(piece: Buffer, at: number): Promise<void> {
    const ms = at - performance.now()
    if (ms > 0) await sleep(ms)
    if (!(await arrives()) || to.destroyed) return
    weather().bytes += piece.length
    to.write(piece)
  }

  /** Resolves when all of it is on its way. */
  async function leave(bytes: Buffer): Promise<void> {
    const it = weather()
    for (let i = 0; i < bytes.length; i += PIECE_BYTES) {
      const piece = bytes.subarray(i, it.bytesPerS === Infinity ? undefined : i + PIECE_BYTES)
      if (it.bytesPerS !== Infinity) await sleep((piece.length / it.bytesPerS) * 1000)
      const at = performance.now() + it.delayMs()
      arriving = arriving.then(() => arrive(piece, at))
      if (it.bytesPerS === Infinity) return
    }
  }

  async function deliver(bytes: Buffer): Promise<void> {
    await leave(bytes)
    await arriving
  }

  async function pass(frame: Buffer, action: Action): Promise<void> {
    if (isFrozen) return
    if (action === 'pass') return leave(frame)
    if (typeof action === 'object') await sleep(action.lateMs)
    if (action === 'freeze') isFrozen = true
    else if (action === 'cut') parts.reset()
    else if (action === 'hold') {
      parts.hold()
      await new Promise<void>((done) => weather().held.push(done))
      await deliver(frame)
    } else {
      await deliver(action === 'tear' ? frame.subarray(0, Math.ceil(frame.length / 2)) : frame)
      if (action === 'tear' || action === 'then-cut') {
        // What was written must be on its way before the reset, which would overtake it.
        await sleep(20)
        parts.reset()
      }
    }
  }

  async function end(): Promise<void> {
    await arriving
    if (isFrozen || !(await arrives())) return
    to.end()
    await sleep(CLOSE_MS)
    to.destroy()
  }

  return (given, api) => {
    if (given === 'end') {
      chain = chain.then(end)
      return
    }
    const action = actionOf(weather(), what, api)
    waiting += given.length
    if (waiting > QUEUE_BYTES_MAX) from.pause()
    chain = chain
      .then(() => pass(given, action))
      .then(() => {
        // As a window of TCP: what is on its way counts until it is there.
        void arriving.then(() => {
          waiting -= given.length
          if (waiting <= QUEUE_BYTES_MAX) from.resume()
        })
      })
  }
}

function actionOf(weather: Weather, what: 'request' | 'answer', api: Api | undefined): Action {
  const key = `${what} ${api}`
  const nth = (weather.seen.get(key) ?? 0) + 1
  weather.seen.set(key, nth)
  return weather.rule?.({ what, api, nth }) ?? 'pass'
}
