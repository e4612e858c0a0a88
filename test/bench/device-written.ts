// What a device is written for a reading: the counters of a loop image of its own, with everything the file system writes for itself. A log that is
// full already takes recorded values: it seals, and gives up the oldest. Needs root.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { mountPartition } from '../faults/partition.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openBenchLog, randomPlant, recordedPlant } from './log.ts'

/** Assumed of a reading, as S10 says. */
export const PAYLOAD_BYTES = 100
/** By readings a commit: bytes that the device may be written for each byte of payload. */
export const WRITTEN_MAX: ReadonlyMap<number, number> = new Map([
  [1_000, 0.5],
  [100, 2.5],
])
const BYTES_MAX = 40_000_000
const IMAGE_BYTES = 200_000_000
const SECTOR_BYTES = 512
const T0 = 1_767_225_600_000_000

export interface Written {
  readonly readings: number
  readonly appends: number
  readonly commits: number
  readonly givenUp: number
  /** Bytes a reading. */
  readonly device: number
  /** Of these by the log itself; the rest is the file system's. */
  readonly log: number
}

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

/** One append a commit, the next once it is acknowledged. `data`: a folder of recorded data sets. */
export async function measureWritten(perCommit: number, seconds: number, data: string | undefined): Promise<Written> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-device-'))
  const partition = mountPartition(dir, IMAGE_BYTES, 'ext4')
  try {
    const log = await openBenchLog(join(partition.dir, 'log'), {
      bytesMax: BYTES_MAX,
      commitEveryMinMs: 0,
      classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 0, whenFull: 'reduce', ladder: [] }],
    })
    const plant = recordedPlant(perCommit, T0, data)
    await fill(log)
    const lostBefore = await lostIn(log)
    // The ballast is written once in a log's life, and is no part of it.
    const before = writtenTo(partition.dir)
    const ownBefore = ownWritten()
    const end = performance.now() + seconds * 1000
    let second = 0
    for (; performance.now() < end; second++) {
      plant.add(second, 1)
      await log.writer.append(plant.builder.take(plant.timeOf(second) + 20_000))
    }
    await log.seal()
    const { commits } = await log.figures()
    const givenUp = (await lostIn(log)) - lostBefore
    await log.close()
    const readings = second * perCommit
    const own = (ownWritten() - ownBefore) / readings
    const device = (writtenTo(partition.dir) - before) / readings
    return { readings, appends: second, commits, givenUp, device, log: own }
  } finally {
    partition.unmount()
    rmSync(dir, { recursive: true, force: true })
  }
}
