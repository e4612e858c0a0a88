// The messages of a subscription are numbered without a gap: whoever counts them knows what is missing and what came before.
//
// After a cut the library asks for what the server still holds, one number after the other, while the server goes on sending. A message that comes
// between two of those moves the library's count past the ones that it has not asked for yet: nobody would miss them. So what is missing here is asked
// for by us, and what comes twice is taken once.
import type { ClientSession, ClientSubscription, NotificationMessage, RepublishResponse } from 'node-opcua-client'
import { RepublishRequest } from 'node-opcua-client'

/** Messages that may come before one that was sent earlier. */
const LATE_MAX = 100
const MISSING_MAX = 10_000
/** Messages that are known again. */
const SEEN_MAX = 10_000
/** What the library asks for by itself after a cut is here by then. */
const ASK_AFTER_MS = 300

export interface MessageCounter {
  /** Takes the number of a message with data. Says how many are lost for good by now. */
  take(number: number): number
  missing(): readonly number[]
  /** The server does not have it any more; false: it came meanwhile. */
  giveUp(number: number): boolean
}

/** What is missing may still come: it is lost when the server says so, or once 100 came after it. */
export function messageCounter(): MessageCounter {
  const missing = new Set<number>()
  let next: number | undefined
  return {
    take(number) {
      if (missing.delete(number)) return 0
      // More than so many at once is another count, not a gap.
      if (next !== undefined && number - next < MISSING_MAX) for (let it = next; it < number; it++) missing.add(it)
      if (next === undefined || number >= next || number === 1) next = number + 1
      let lost = 0
      for (const it of missing) if (number - it > LATE_MAX && missing.delete(it)) lost++
      return lost
    },
    missing: () => [...missing],
    giveUp: (number) => missing.delete(number),
  }
}

/**
 * Whether a message came before: by its number and by `mark`, something of its own. A number alone says nothing: some servers begin to count anew.
 */
export function repeats(): (sequenceNumber: number, mark: string) => boolean {
  const seen = new Map<number, string>()
  return (number, mark) => {
    if (seen.get(number) === mark) return true
    seen.delete(number)
    seen.set(number, mark)
    const [oldest] = seen.keys()
    if (seen.size > SEEN_MAX && oldest !== undefined) seen.delete(oldest)
    return false
  }
}

type Answered = (error: Error | null, response?: RepublishResponse) => void

interface Republisher {
  republish(request: RepublishRequest, answered: Answered): void
}

/** What the library has and its types do not tell. */
interface Inside {
  readonly subscriptionId: number
  /** Else `session` throws. */
  readonly hasSession: boolean
  readonly session: Republisher
  onNotificationMessage(message: NotificationMessage): void
}

interface Notified {
  readonly clientHandle: number
  readonly value?: {
    readonly sourceTimestamp: Date | null
    readonly serverTimestamp: Date | null
    readonly sourcePicoseconds: number
  }
}

interface Listed {
  readonly monitoredItems?: readonly Notified[] | null
  readonly events?: readonly { readonly eventFields?: readonly { readonly value?: unknown }[] | null }[] | null
}

function idText(id: unknown): string {
  return Buffer.isBuffer(id) ? id.toString('base64') : typeof id
}

/** Not all servers say when they sent a message: then its first value has a time of its own. */
export function markOf({ publishTime, notificationData }: NotificationMessage): string {
  const lists = (notificationData ?? []) as Listed[]
  const items = lists.flatMap((it) => it?.monitoredItems ?? [])
  const first = items[0]
  const { sourceTimestamp, serverTimestamp, sourcePicoseconds } = first?.value ?? {}
  const times = [publishTime, sourceTimestamp, serverTimestamp].map((it) => it?.getTime())
  // An event's first field is its id.
  const ids = lists.flatMap((it) => it?.events?.[0]?.eventFields?.[0]?.value ?? [])
  return [items.length, first?.clientHandle, ...times, sourcePicoseconds, ...ids.map(idText)].join(' ')
}

/** Asks the server again for what is missing, a moment after something was. `lost` is told of what it does not have any more. */
export function askAgain(
  subscription: ClientSubscription,
  counter: MessageCounter,
  lost: (messages: number) => void,
): { due(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function ask(): Promise<void> {
    for (const number of counter.missing()) {
      if (stopped) return
      const message = await republished(subscription, number)
      if (message === 'later') return
      // Handed over as the library does with what it asked for itself.
      if (message) (subscription as unknown as Inside).onNotificationMessage(message)
      if (!message && counter.giveUp(number)) lost(1)
    }
  }

  return {
    due() {
      if (stopped || timer || counter.missing().length === 0) return
      timer = setTimeout(() => {
        void ask().finally(() => (timer = undefined))
      }, ASK_AFTER_MS)
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/**
 * After a cut the library asks for one message after the other until the server says that it has no more. Some (asyncua) never say that, but answer
 * with a message of nothing: the library would ask on and on.
 */
export function endRepublish(session: ClientSession): void {
  const it = session as unknown as Republisher
  const republish = it.republish.bind(it)
  it.republish = (request, answered) =>
    republish(request, (error, response) => {
      const isGood = !error && response?.responseHeader.serviceResult.isGood()
      if (isGood && !response?.notificationMessage?.notificationData?.length)
        answered(new Error('BadMessageNotAvailable: the server answers with nothing'))
      else answered(error, response)
    })
}

/** Undefined: the server does not have it. 'later': it cannot be asked now. */
function republished(subscription: ClientSubscription, number: number): Promise<NotificationMessage | undefined | 'later'> {
  const inside = subscription as unknown as Inside
  if (!inside.hasSession) return Promise.resolve('later')
  const { session, subscriptionId } = inside
  return new Promise((resolve) => {
    const request = new RepublishRequest({ subscriptionId, retransmitSequenceNumber: number })
    session.republish(request, (error, response) => {
      if (error) return resolve(/MessageNotAvailable/.test(error.message) ? undefined : 'later')
      const message = response?.notificationMessage
      resolve(message?.sequenceNumber === number ? message : undefined)
    })
  })
}
