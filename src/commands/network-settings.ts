// The network in the text of the settings: what is in force stands there too; comments and all else stay.
import { isMap, isSeq, parseDocument } from 'yaml'
import type { AgentApi } from '../core/agent-api.ts'
import type { NetworkPort } from '../core/host.ts'

const FROM_PORT = ['address', 'gateway', 'dns', 'open'] as const

/** The text with the port in it. A port of that name keeps what else it says. */
export function withPort(text: string, port: NetworkPort): string {
  const document = parseDocument(text)
  const ports = document.getIn(['network', 'ports'])
  const at = isSeq(ports) ? ports.items.findIndex((it) => isMap(it) && it.get('interface') === port.interface) : 0
  if (!isSeq(ports)) document.setIn(['network', 'ports'], document.createNode([entryOf(port)]))
  else if (at < 0) document.addIn(['network', 'ports'], document.createNode(entryOf(port)))
  else
    for (const key of ['zone', ...FROM_PORT] as const) {
      const value = port[key]
      const isEmpty = Array.isArray(value) && value.length === 0
      if (value !== undefined && !isEmpty) document.setIn(['network', 'ports', at, key], value)
      // Who sets an address alone says nothing of the zone, nor of what is open.
      else if (isEmpty || (key !== 'zone' && key !== 'open')) document.deleteIn(['network', 'ports', at, key])
    }
  return document.toString({ lineWidth: 0 })
}

function entryOf({ interface: name, zone = 'uplink', address, gateway, dns, open = [] }: NetworkPort) {
  return { interface: name, zone, address, ...(gateway && { gateway }), ...(dns && { dns }), ...(open.length > 0 && { open }) }
}

/** The settings say what is in force: a change with its own line in the history. */
export async function intoSettings(agent: AgentApi, ports: readonly NetworkPort[], by: string): Promise<void> {
  const now = await agent.settings()
  // What they say already stays as it is written: a box's own value is no address.
  const news = ports.filter((port) => !now.system.ports.some((it) => isSame(it, port)))
  const text = news.reduce(withPort, now.text)
  if (text !== now.text) await agent.settingsApply({ text, base: now.revision, by, note: 'network' })
}

/** Who sets an address alone says nothing of the zone, nor of what is open. */
function isSame(said: NetworkPort, port: NetworkPort): boolean {
  const facts = ({ interface: name, zone, address, gateway, dns = [], open = [] }: NetworkPort) =>
    [name, port.zone && zone, address, gateway, dns, port.open && open].join(' ')
  return facts(said) === facts(port)
}
