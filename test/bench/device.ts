// P8: what the device is written for a reading (device-written.ts), at 1,000 and at 100 readings a commit.
//
//   node test/bench/device.ts [--seconds 30] [--data DIR] [--json]
import { parseArgs } from 'node:util'
import { mayMount } from '../faults/partition.ts'
import { measureWritten, PAYLOAD_BYTES, WRITTEN_MAX } from './device-written.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, data: { type: 'string' }, json: { type: 'boolean', default: false } },
})
const note = noter('device')

async function measure(perCommit: number, bound: number): Promise<Line[]> {
  const it = await measureWritten(perCommit, Number(options.seconds), options.data)
  note(
    `${whole(it.readings)} readings, ${it.appends} appends in no more than ${it.commits} commits, ${whole(it.givenUp)} given up for room`,
  )
  const share = it.device / PAYLOAD_BYTES
  note(
    `S10 at ${perCommit} readings a commit: ${share.toFixed(2)} ×, ${share <= bound ? 'within' : 'NOT within'} its bound of ${bound} ×`,
  )
  const what = `written to the device, ${perCommit} readings a commit`
  return [
    line('P8', what, 'bytes a reading', it.device),
    line('P8', `${what}, of ${PAYLOAD_BYTES} bytes of payload`, 'bytes a byte', share, [bound, 'the bound']),
    line('P8', `${what}, of these by the log itself`, 'bytes a reading', it.log),
    line('P8', `given up for room, ${perCommit} readings a commit`, 'share', it.givenUp / it.readings),
  ]
}

note(machine())
if (!mayMount()) {
  note('left out: mounting an image needs root')
  print([], options.json)
} else {
  const lines: Line[] = []
  for (const [perCommit, bound] of WRITTEN_MAX) lines.push(...(await measure(perCommit, bound)))
  print(lines, options.json)
}
process.exit(0)
