// Mistakes over MQTT: acknowledgements, packets that are none, births and aliases.
import type { Fault } from './fault.ts'

export const MQTT_FAULTS: readonly Fault[] = [
  {
    id: 'puback-early',
    file: 'src/clients/mqtt/intake.ts',
    find: '    done(WITHOUT_PUBACK)\n',
    replace: '    done()\n',
    why: 'a message is acknowledged before it is on disk',
    caughtBy: ['test/sources/mqtt/source.test.ts > acknowledges only what is durable'],
  },
  {
    id: 'again-unmarked',
    file: 'src/sources/mqtt/mapping.ts',
    find: 'const status = (dup ? STATUS_AGAIN : 0)',
    replace: 'const status = (dup ? 0 : 0)',
    why: 'what the broker sends again looks new',
    caughtBy: ['test/sources/mqtt/packets.test.ts > what comes again'],
  },
  {
    id: 'any-packet-parsed',
    file: 'src/clients/mqtt/packet-guard.ts',
    find: '        if (!isFromBroker(start[0] as number)) throw',
    replace: '        if (start.length > 99) throw',
    why: 'a PUBREL without a number is thrown past the client and ends the thread',
    caughtBy: ['test/sources/mqtt/packets.test.ts > what no broker sends'],
  },
  {
    id: 'unnumbered-acknowledged',
    file: 'src/clients/mqtt/packet-guard.ts',
    find: "  client.on('packetreceive', (packet) => refuseUnnumbered(packet, (error) => void client.stream.destroy(error)))\n",
    replace: '  void refuseUnnumbered\n',
    why: 'a QoS 1 message without a number is acknowledged by none, and some end the thread',
    caughtBy: ['test/sources/mqtt/packets.test.ts > what no broker sends'],
  },
  {
    id: 'gap-read-on',
    file: 'src/sources/sparkplug/nodes.ts',
    find: "    count('sequence-gap')\n    for (const it of scopesOf(node)) if (it.mode === 'confirmed') it.mode = 'waiting'\n",
    replace: "    count('sequence-gap')\n",
    why: 'aliases of before a gap are read as if no birth could have been missed',
    caughtBy: ['test/sources/sparkplug/source.test.ts > a gap in the sequence'],
  },
  {
    id: 'old-will-kills',
    file: 'src/sources/sparkplug/nodes.ts',
    find: "    if (isOfOlder && node.own.mode !== 'dead') return count('old-death')\n",
    replace: "    if (isOfOlder && node.own.mode === 'dead') return count('old-death')\n",
    why: 'the late will of a connection that was replaced takes a node off line',
    caughtBy: ['test/sources/sparkplug/source.test.ts > a node dies with its devices'],
  },
  {
    id: 'number-wrapped',
    file: 'src/sources/sparkplug/values.ts',
    find: "  return fits ? value : 'out-of-range'\n",
    replace: '  return fits ? value : value\n',
    why: 'a number out of its range becomes another number',
    caughtBy: ['test/sources/sparkplug/source.test.ts > numbers in the wrong field'],
  },
  {
    id: 'asked-at-each-turn',
    file: 'src/sources/sparkplug/requests.ts',
    find: '    quietUntil.set(node, now + PAUSE_MS)\n  }\n',
    replace: '  }\n',
    why: 'a node that dies and returns is asked for its birth without end',
    caughtBy: ['test/sources/sparkplug/nodes.test.ts > do not come faster'],
  },
]
