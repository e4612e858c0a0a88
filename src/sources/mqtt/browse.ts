// Looks round at a broker: what comes in a few seconds, and what the broker keeps, as a tree of topics. On a connection of its own, with a clean
// session and QoS 0: the session of the source at work stays as it is.
import { randomBytes } from 'node:crypto'
import type { MqttAccess } from '../../clients/mqtt/connect.ts'
import { brokerOf, goodbye, newClient } from '../../clients/mqtt/connect.ts'
import { explain, explainSuback } from '../../clients/mqtt/explain.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { BrowseEntry, BrowseRequest, BrowseValue } from '../../core/source.ts'
import { jsonOf, timeOf } from './payload.ts'
import { matchTopic, topicProblem } from './topics.ts'

const LISTEN_MS = 3_000
const CONNECT_MS_MAX = 10_000
const TOPICS_MAX = 10_000
const TEXT_MAX = 200
/** Of a payload, to see what it is. */
const PAYLOAD_BYTES_MAX = 64_000

interface Heard {
  readonly topic: string
  readonly payload: Buffer
}

export async function* browseTopics(
  access: MqttAccess,
  request: BrowseRequest,
  signal: AbortSignal,
): AsyncGenerator<BrowseEntry> {
  const node = request.node?.replace(/\/+$/, '')
  const isFilter = node !== undefined && /(^|\/)[+#](\/|$)/.test(node)
  const problem = node === undefined ? undefined : topicProblem(node)
  if (problem !== undefined || node?.includes('{'))
    throw new BadInput([{ where: 'NODE', text: problem ?? 'must be a topic, or a filter with + and #' }])
  const filter = node === undefined ? '#' : isFilter ? node : `${node}/#`
  const heard = await listen(access, filter, signal)
  const topics = [...heard.values()].toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
  const wanted = request.search !== undefined || isFilter ? found(topics, request.search) : children(topics, node)
  let left = request.limit
  for (const entry of wanted) {
    if (left-- <= 0) return
    yield entry
  }
}

async function listen(access: MqttAccess, filter: string, signal: AbortSignal): Promise<ReadonlyMap<string, Heard>> {
  const { will: _none, ...rest } = access
  // Two who look at a time must not put each other out.
  const clientId = `${access.clientId}-browse-${randomBytes(3).toString('hex')}`
  const client = newClient({ ...rest, clientId, isClean: true })
  const { host, port } = brokerOf(access.url)
  const heard = new Map<string, Heard>()
  client.handleMessage = ({ topic, payload }, done) => {
    if (heard.has(topic) || heard.size < TOPICS_MAX)
      heard.set(topic, { topic, payload: Buffer.from(payload).subarray(0, PAYLOAD_BYTES_MAX) })
    done()
  }
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no answer')), CONNECT_MS_MAX)
      const end = (error?: unknown) => {
        clearTimeout(late)
        if (error === undefined) resolve()
        else reject(error)
      }
      signal.addEventListener('abort', () => end(), { once: true })
      client.once('error', end).once('close', () => end(new Error('the broker closed the connection')))
      client.once('connect', () => {
        clearTimeout(late)
        client.subscribe(filter, { qos: 0 }, (_error, _subscriptions, packet) => {
          const code = packet?.granted[0]
          if (typeof code === 'number' && code >= 128) return end(new Error(`${filter} ${explainSuback(code)}`))
          setTimeout(end, LISTEN_MS)
        })
      })
      if (signal.aborted) end()
      else client.connect()
    })
  } catch (error) {
    const { code, text, remedy } = explain(error, `${host}:${port}`)
    throw new Unreachable(code, text, { cause: error, remedy })
  } finally {
    await goodbye(client)
  }
  return heard
}

function* found(topics: readonly Heard[], search: string | undefined): Iterable<BrowseEntry> {
  const words = (search ?? '').toLowerCase().split(/\s+/)
  for (const it of topics) {
    const topic = it.topic.toLowerCase()
    if (words.every((word) => topic.includes(word))) yield entryOf(it.topic, it, false)
  }
}

/** One entry for each next level. */
function* children(topics: readonly Heard[], node: string | undefined): Iterable<BrowseEntry> {
  const base = node === undefined ? '' : `${node}/`
  const byChild = new Map<string, { own: Heard | undefined; isFolder: boolean }>()
  for (const it of topics) {
    if (!it.topic.startsWith(base)) continue
    const [name = '', ...below] = it.topic.slice(base.length).split('/')
    const path = base + name
    const known = byChild.get(path) ?? { own: undefined, isFolder: false }
    byChild.set(path, below.length > 0 ? { ...known, isFolder: true } : { ...known, own: it })
  }
  for (const [path, { own, isFolder }] of byChild) yield entryOf(path, own, isFolder)
}

function entryOf(topic: string, heard: Heard | undefined, isFolder: boolean): BrowseEntry {
  const levels = topic.split('/')
  const name = levels.at(-1) ?? topic
  const json = heard && jsonOf(heard.payload.toString())
  return {
    node: topic,
    name: name === '' ? '(empty level)' : name,
    path: levels.slice(0, -1),
    isFolder,
    value: heard ? valueOf(heard.payload, json) : null,
    ...(heard && matchTopic('#', topic) && { line: lineOf(topic, json) }),
  }
}

function valueOf(payload: Buffer, json: unknown): BrowseValue {
  const text = payload.subarray(0, TEXT_MAX * 4).toString()
  const kind = typeof json === 'number' ? 'double' : typeof json === 'boolean' ? 'bool' : 'string'
  const type =
    json === undefined
      ? isText(payload)
        ? 'text'
        : 'bytes'
      : `JSON ${Array.isArray(json) ? 'array' : json === null ? 'null' : typeof json}`
  return {
    kind: type === 'bytes' ? 'bytes' : kind,
    text: type === 'bytes' ? payload.toString('hex').slice(0, TEXT_MAX) : text.slice(0, TEXT_MAX),
    quality: 'good',
    type,
  }
}

function isText(payload: Buffer): boolean {
  const part = payload.subarray(0, TEXT_MAX)
  return !part.includes(0) && !part.toString().slice(0, -1).includes('\uFFFD')
}

const TIME_KEYS = ['ts', 'time', 'timestamp', 'Timestamp', 'datetime', 't']

/** A line of `subscribe` that reads it, as far as one look shows. */
function lineOf(topic: string, json: unknown): Record<string, string | number> {
  const line: Record<string, string | number> = { topic, qos: 1, tag: topic }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return line
  const fields = json as Record<string, unknown>
  const time = TIME_KEYS.find((key) => fields[key] !== undefined && !Number.isNaN(timeOf(fields[key])))
  const value = 'value' in fields ? undefined : Object.keys(fields).find((key) => key !== time && typeof fields[key] === 'number')
  if (value !== undefined) line.value = value
  if (time !== undefined) line.time = time
  return line
}
