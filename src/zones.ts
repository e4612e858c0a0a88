// What runs at boot and whenever zones change: the ports that are there, the zones that are set → nftables and networkd.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programs } from './machine/host/programs.ts'
import { readState } from './machine/host/network/state.ts'
import { OPEN_PORTS_FILE } from './machine/open-ports.ts'
import { seenPorts } from './machine/seen-ports.ts'
import { networkText, nftText, openOf, zonesOf } from './machine/zones.ts'

const RULES = '/run/holdfast-zones.nft'
const NETWORK_DIR = '/run/systemd/network'
const STATE_DIR = '/state/host'
/** After those that somebody set. */
const FILE = /^50-holdfast-.*\.network$/

const { ports } = await readState(STATE_DIR)
const zoned = zonesOf(seenPorts(), ports)
const { run } = programs()
writeFileSync(RULES, nftText(zoned))
await run('nft', ['-f', RULES])
writeFileSync(OPEN_PORTS_FILE, JSON.stringify(openOf(zoned)))
mkdirSync(NETWORK_DIR, { recursive: true })
const files = new Map(zoned.filter((it) => it.isByPlace).map((it) => [`50-holdfast-${it.name}.network`, networkText(it)]))
const there = readdirSync(NETWORK_DIR).filter((it) => FILE.test(it))
for (const it of there) if (!files.has(it)) rmSync(join(NETWORK_DIR, it))
// networkd takes a file that is written anew for a changed one, and its port loses its address for a moment.
for (const [name, text] of files)
  if (!there.includes(name) || readFileSync(join(NETWORK_DIR, name), 'utf8') !== text)
    writeFileSync(join(NETWORK_DIR, name), text)
console.log(zoned.map((it) => `${it.name} ${it.zone}`).join(', ') || 'no port')
