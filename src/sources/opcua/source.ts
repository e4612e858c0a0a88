// The protocol `opcua`: subscriptions, pushed by the server into one bounded queue.
//
//   server ─publish─► session.ts ─reading by reading─► queue.ts ─one batch a turn─► ingest
//      └─history─► repair.ts ────────▲                            └─durable─► bookmark.ts
import path from 'node:path'
import { Unreachable } from '../../core/errors.ts'
import { BAD } from '../../core/reading.ts'
import type { Protocol, Source, SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import { type Bookmark, openBookmark } from './bookmark.ts'
import { browse, type Open } from './browse.ts'
import type { Route } from './connection.ts'
import { controlOf } from './control.ts'
import { addFromHistory, addReading, addWithout, type News, tagState } from './decode.ts'
import { addEvent, addNoEvents, type EventState, eventState, refuseEvents } from './events.ts'
import { find } from './find.ts'
import { newGaps, pend } from './gaps.ts'
import { routeLibraryLog } from './library-log.ts'
import { newQueue, type Queue } from './queue.ts'
import { keepConnected, type Sink } from './session.ts'
import type { OpcuaEvents, OpcuaSettings } from './settings.ts'
import { testOpen, testSteps } from './test-steps.ts'
import { TIMING, type Timing } from './timing.ts'
import { trust } from './trust.ts'

/** The protocol with another patience than a plant needs: for tests. */
export function opcuaWith(timing: Timing): Protocol<OpcuaSettings> {
  return {
    name: 'opcua',
    open: (settings, context) => open(routeOf(settings, context, timing), context),
    test: (settings, context, signal) => {
      routeLibraryLog(context.log)
      return testSteps(routeOf(settings, context, timing), signal)
    },
    find: (host, signal) => find(host, signal),
  }
}

function routeOf(settings: OpcuaSettings, { name, dir, device }: SourceContext, timing: Timing): Route {
  return { name, settings, dir, device, timing }
}

export const opcua = opcuaWith(TIMING)

/** From now on the bookmark knows of it: what happens while nobody listens can be named. */
function openStream(it: OpcuaEvents, at: number, bookmark: Bookmark): EventState {
  const isKnown = bookmark.mark(at) !== undefined
  bookmark.set(at, { time: 0, status: 0, print: 0 })
  return eventState(it, at, isKnown)
}

function open(route: Route, context: SourceContext): Source {
  routeLibraryLog(context.log)
  let status: SourceStatus = { state: 'starting' }
  let opened: Open | undefined
  const notes: Record<string, number> = {}
  const gaps = newGaps()

  async function* read(signal: AbortSignal): AsyncGenerator<SourceItem> {
    const { tags: settings, events: streams, endpoint } = route.settings
    const file = path.join(route.dir, 'bookmarks', encodeURIComponent(context.name))
    const bookmark = openBookmark(file, [
      ...settings.map(
        (it) => `${endpoint} ${it.node} ${it.tag} ${it.class} ${it.type ?? ''} ${it.unit ?? ''}${it.isFlat ? ' flat' : ''}`,
      ),
      ...streams.map((it) => `${endpoint} events ${it.node} ${it.tag} ${it.class}`),
    ])
    const tags = settings.map((it, at) => tagState(it, at, bookmark.mark(at)))
    const events = streams.map((it, n) => openStream(it, settings.length + n, bookmark))
    const queue = newQueue(context, bookmark)
    const sink = sinkOf(queue)
    const stop = new AbortController()
    const run = { route, tags, events, sink, context, gaps, lostAt: bookmark.writtenAt }
    const connected = keepConnected(run, AbortSignal.any([signal, stop.signal]))
    try {
      yield* queue.batches(connected, signal)
    } finally {
      stop.abort()
      await connected
      bookmark.close()
      status = { state: 'stopped' }
    }
  }

  function sinkOf(queue: Queue): Sink {
    const news: News = {
      note,
      hole: (reason) => {
        gaps.isDue = true
        if (reason !== undefined) pend(gaps, reason, context.clock.now())
      },
    }
    return {
      data: (state, value) => queue.add(state, (builder, now) => addReading(builder, state, value, now, news)),
      history: (state, value) => queue.add(state, (builder) => addFromHistory(builder, state, value, note)),
      none: (state, code) => queue.add(state, (builder, now) => addWithout(builder, state, now, BAD, code)),
      event: (state, values, namespaces) =>
        queue.addTo(state.tag.class, (builder, now) => addEvent(builder, state, values, namespaces, now)),
      noEvents: (state, code) => queue.addTo(state.tag.class, (builder, now) => addNoEvents(builder, state, now, code)),
      lost: (state, reason, from, count = 1) =>
        queue.addTo(state.tag.class, (builder, now) => refuseEvents(builder, state, reason, from, now, count)),
      status: (next) => {
        status = next
      },
      note,
      room: queue.room,
      open: (next) => {
        opened = next
      },
    }
  }

  function note(reason: string, count = 1): void {
    notes[reason] = (notes[reason] ?? 0) + count
  }

  function session(): Open {
    if (opened && status.state === 'up') return opened
    const { code = 'starting', lastError = 'it is being connected', remedy } = status
    throw new Unreachable(code, `there is no session to look round with: ${lastError}`, remedy === undefined ? {} : { remedy })
  }

  return {
    read,
    status: () => ({
      ...status,
      ...(Object.keys(notes).length > 0 && { notes: { ...notes } }),
      ...(gaps.filled > 0 && { details: { ...status.details, filledFromHistory: gaps.filled } }),
    }),
    async *browse(request, signal) {
      yield* browse(session(), request, signal)
    },
    control: controlOf(route.settings.tags, session),
    trust: ({ fingerprint }) => trust(route.dir, fingerprint),
    test: (signal) => (opened && status.state === 'up' ? testOpen(route, opened, signal) : testSteps(route, signal)),
  }
}
