// S10: what the device is written for a reading, by its own counters, while the log seals and gives up. A figure that is measured, not a fault that
// is planted: it has no short run, and a bound that does not hold is a failed case with its figure.
import { measureWritten, PAYLOAD_BYTES, WRITTEN_MAX } from '../bench/device-written.ts'
import type { Campaign } from '../prove/campaign.ts'
import { mayMount } from './partition.ts'

const SECONDS = 30

export const s10: Campaign = {
  id: 'S10',
  what: 'bytes written to the device',
  short: 0,
  long: WRITTEN_MAX.size,
  async run({ case: one }) {
    if (!mayMount()) return console.log('S10 is left out: mounting needs root')
    for (const [perCommit, bound] of WRITTEN_MAX)
      await one(`${perCommit} readings a commit`, async () => {
        const { readings, device, log } = await measureWritten(perCommit, SECONDS, undefined)
        const share = device / PAYLOAD_BYTES
        const figure = `${share.toFixed(2)} × the payload at ${perCommit} readings a commit (${log.toFixed(1)} of ${device.toFixed(1)} bytes by the log itself, ${readings} readings); the bound is ${bound} ×`
        console.log(`S10: ${figure}`)
        if (share > bound) throw new Error(figure)
      })
  },
}
