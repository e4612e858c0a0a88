// The long form of flood.test.ts: the same flood at the panel and at a listener that does nothing, one after the other. Argument: seconds of each.
// Fails where a reading is lost, or where commits take longer beside the panel than they may.
import { measureFlood } from './flood.ts'

/** Of the middle p99 to the fsync beside an idle listener: more is the panel's doing. */
const RATIO_MAX = 1.5
const seconds = Number(process.argv[2] ?? 60)
const beside = await measureFlood('listener', seconds)
const panel = await measureFlood('panel', seconds)
const ratio = panel.commitMs.middle / beside.commitMs.middle
console.log(JSON.stringify({ listener: beside, panel, ratio: Math.round(ratio * 100) / 100 }, null, 2))
process.exit(panel.lost === 0 && panel.accepted === panel.published && ratio <= RATIO_MAX ? 0 : 1)
