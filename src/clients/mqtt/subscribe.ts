// Asks for many topic filters at once, in as many packets as the broker needs.
import type { IClientSubscribeOptions, MqttClient } from 'mqtt'
import type { PortionBounds } from './portions.ts'
import { portions } from './portions.ts'

/** AWS IoT Core ends the connection where a SUBSCRIBE has more. */
const FILTERS_MAX = 8
/** Packet too large: what the broker would say, did it not rather end the connection. */
const TOO_LARGE = 149
const REFUSED = 128

/** By filter, what each is granted as; from 128 on it is refused. Calls back once all are answered: never, where the connection ends before. */
export function subscribeAll(
  client: MqttClient,
  filters: ReadonlyMap<string, IClientSubscribeOptions>,
  answered: (granted: ReadonlyMap<string, number>) => void,
): void {
  const { packets, tooLong } = portions([...filters.keys()], boundsOf(client))
  const granted = new Map(tooLong.map((it) => [it, TOO_LARGE]))
  let open = packets.length
  if (open === 0) return answered(granted)
  for (const packet of packets) {
    const options = Object.fromEntries(packet.map((it) => [it, filters.get(it) as IClientSubscribeOptions]))
    // The library asks in the order of these keys.
    const asked = Object.keys(options)
    client.subscribe(options, (_error, _subscriptions, answer) => {
      // No answer: the connection is gone, and 'close' deals with that.
      if (!answer) return
      for (const [n, it] of asked.entries()) granted.set(it, (answer.granted as number[])[n] ?? REFUSED)
      if (--open === 0) answered(granted)
    })
  }
}

/** MQTT 3.1.1 has no word for the largest packet. */
function boundsOf({ serverProperties }: MqttClient): PortionBounds {
  return { packetBytesMax: serverProperties?.maximumPacketSize, topicsMax: FILTERS_MAX }
}

export function unsubscribeAll(client: MqttClient, filters: readonly string[]): void {
  for (const it of portions(filters, boundsOf(client)).packets) client.unsubscribe([...it])
}
