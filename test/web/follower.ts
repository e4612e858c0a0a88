// A client of server-sent events as consumers have them: it sends the last id that it took, and can be cut off at any row.
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { FollowRow } from '../../src/core/follow.ts'
import { fromJson } from '../../src/core/json.ts'

export interface Event {
  readonly id: string
  readonly row?: FollowRow
  readonly error?: { readonly code?: string; readonly text: string }
}

export interface Followed extends AsyncIterable<Event> {
  readonly status: number
  /** Of an answer that is none of events. */
  body(): Promise<string>
  /** Takes nothing until `resume`. */
  pause(): void
  resume(): void
  /** As when the consumer is killed. */
  cut(): void
}

export function follow(url: string, token: string, query: string, lastId?: string): Promise<Followed> {
  const headers = { authorization: `Bearer ${token}`, ...(lastId !== undefined && { 'last-event-id': lastId }) }
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/v1/follow?${query}`, { headers, rejectUnauthorized: false, agent: false })
    sent.once('error', reject)
    sent.once('response', (response) => resolve(followed(response)))
    sent.end()
  })
}

function followed(response: IncomingMessage): Followed {
  response.setEncoding('utf8')
  return {
    status: response.statusCode ?? 0,
    async body() {
      let text = ''
      for await (const part of response as AsyncIterable<string>) text += part
      return text
    },
    pause: () => void response.socket.pause(),
    resume: () => void response.socket.resume(),
    cut: () => response.destroy(),
    [Symbol.asyncIterator]: () => eventsIn(response),
  }
}

/** Ends where the connection does. */
async function* eventsIn(response: IncomingMessage): AsyncGenerator<Event> {
  let rest = ''
  try {
    for await (const part of response as AsyncIterable<string>) {
      const events = (rest + part).split('\n\n')
      rest = events.pop() ?? ''
      for (const it of events) {
        const [, id = ''] = /^id: (.*)$/m.exec(it) ?? []
        const [, data] = /^data: (.*)$/m.exec(it) ?? []
        if (data !== undefined) yield { id, ...(fromJson(data) as Omit<Event, 'id'>) }
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  }
}
