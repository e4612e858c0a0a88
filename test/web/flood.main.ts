// The long form of flood.test.ts: the same flood at the panel and at a listener that does nothing, one after the other. Argument: seconds of each.
import { measureFlood } from './flood.ts'

const seconds = Number(process.argv[2] ?? 60)
const beside = await measureFlood('listener', seconds)
const panel = await measureFlood('panel', seconds)
const ratio = panel.commitMs.middle / beside.commitMs.middle
console.log(JSON.stringify({ listener: beside, panel, ratio: Math.round(ratio * 100) / 100 }, null, 2))
process.exit(panel.lost === 0 && panel.accepted === panel.published ? 0 : 1)
