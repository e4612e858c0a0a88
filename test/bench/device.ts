// P8: what the device is written for a reading: counters of a loop image of its own, with everything the file system writes for itself.
// Recorded values at 1,000 and at 100 readings a commit, into a log that is full already: it seals, and gives up the oldest. Needs root.
//
//   node test/bench/device.ts [--seconds 30] [--data DIR] [--json]
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { mayMount, mountPartition } from '../faults/partition.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openBenchLog, randomPlant, recordedPlant } from './log.ts'

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, data: { type: 'string' }, json: { type: 'boolean', default: false } },
})
/** Assumed of a reading, as S10 says. */
const PAYLOAD_BYTES = 100
const BOUNDS: Readonly<Record<number, number>> = { 1_000: 0.5, 100: 2.5 }
const BYTES_MAX = 40_000_000
const IMAGE_BYTES = 200_000_000
const SECTOR_BYTES = 512
const T0 = 1_767_225_600_000_000
const note = noter('device')

/** What this process handed to the file system; the rest is what that writes for itself. */
const ownWritten = (): number => Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

/** The n-th number of the counters: sectors written. */
const SECTORS_WRITTEN = 6

function writtenTo(dir: string): number {
  execFileSync('sync', ['-f', dir])
  const device = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((it) => it.split(' '))
    .find((it) => it[1] === dir)?.[0]
  if (!device) throw new Error(`${dir} is not mounted`)
  const counters = readFileSync(`/sys/block/${basename(device)}/stat`, 'utf8')
    .trim()
    .split(/\s+/)
  return Number(counters[SECTORS_WRITTEN]) * SECTOR_BYTES
}

const FILL_TAGS = 1_000
const FILL_SECONDS = 10

async function lostIn(log: OpenLog): Promise<number> {
  const { classes } = await log.figures()
  return Object.values(classes[0]?.lost ?? {}).reduce((sum, it) => sum + it, 0)
}

/** Until something must be given up. */
async function fill(log: OpenLog): Promise<void> {
  const plant = randomPlant(FILL_TAGS, T0 - 86_400_000_000)
  for (let second = 0; (await lostIn(log)) === 0; second += FILL_SECONDS) {
    plant.add(second, FILL_SECONDS)
    await log.writer.append(plant.builder.take(plant.timeOf(second)))
  }
  await log.seal()
}

/** One append a commit, the next once it is acknowledged. */
async function measure(perCommit: number): Promise<Line[]> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-device-'))
  const partition = mountPartition(dir, IMAGE_BYTES, 'ext4')
  try {
    const log = await openBenchLog(join(partition.dir, 'log'), {
      bytesMax: BYTES_MAX,
      commitEveryMinMs: 0,
      classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 0, whenFull: 'reduce', ladder: [] }],
    })
    const plant = recordedPlant(perCommit, T0, options.data)
    await fill(log)
    const lostBefore = await lostIn(log)
    // The ballast is written once in a log's life, and is no part of it.
    const before = writtenTo(partition.dir)
    const ownBefore = ownWritten()
    const end = performance.now() + Number(options.seconds) * 1000
    let second = 0
    for (; performance.now() < end; second++) {
      plant.add(second, 1)
      await log.writer.append(plant.builder.take(plant.timeOf(second) + 20_000))
    }
    await log.seal()
    const { commits } = await log.figures()
    const given = (await lostIn(log)) - lostBefore
    await log.close()
    const readings = second * perCommit
    const own = (ownWritten() - ownBefore) / readings
    const each = (writtenTo(partition.dir) - before) / readings
    note(`${whole(readings)} readings, ${second} appends in no more than ${commits} commits, ${whole(given)} given up for room`)
    const what = `written to the device, ${perCommit} readings a commit`
    return [
      line('P8', what, 'bytes a reading', each),
      line('P8', `${what}, of ${PAYLOAD_BYTES} bytes of payload`, 'bytes a byte', each / PAYLOAD_BYTES, [
        BOUNDS[perCommit] as number,
        'the bound',
      ]),
      line('P8', `${what}, of these by the log itself`, 'bytes a reading', own),
      line('P8', `given up for room, ${perCommit} readings a commit`, 'share', given / readings),
    ]
  } finally {
    partition.unmount()
    rmSync(dir, { recursive: true, force: true })
  }
}

note(machine())
if (!mayMount()) {
  note('left out: mounting an image needs root')
  print([], options.json)
} else print([...(await measure(1_000)), ...(await measure(100))], options.json)
process.exit(0)
