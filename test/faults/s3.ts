// S3: the power goes at any write of the device below a real file system: what was flushed is there, of the rest any part, in any order, torn.
// The file system puts itself right, and then the log has to.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Campaign, Round } from '../prove/campaign.ts'
import type { Device } from './blocks.ts'
import { createCutter, mountedCopy, randomCut, recordDevice } from './blocks.ts'
import { live } from './child.ts'
import { createDice } from './dice.ts'
import { examineFolder, howToExamine } from './examine.ts'
import { mayMount } from './partition.ts'
import { LARGE_BYTES, lifeAfter, NEXT_BOOT, planOf } from './recording.ts'
import { copyOf, hear, newTruth } from './truth.ts'

/** Beyond its first 128 MiB ext4 keeps its superblock once more, as it does on a box. */
export const DEVICE_BYTES = 136 * 1024 * 1024
const CUTS = 25
const LIFE_MS_MAX = 60_000

/** What a failed round leaves, so that its cuts can be made once more: a life goes another way each time. */
const deviceFile = (dir: string) => join(dir, 'device.gz')

function keep(dir: string, device: Device): void {
  if (!existsSync(deviceFile(dir))) writeFileSync(deviceFile(dir), gzipSync(serialize(device), { level: 1 }))
}

/** A life on a device that is written down, with its acknowledgements in their place among the writes. */
async function recorded({ dir, dice }: Round): Promise<Device> {
  const plan = planOf(dice, { bytes: dice.oneOf([8, 300, 3000, LARGE_BYTES]) })
  if (existsSync(deviceFile(dir))) return deserialize(gunzipSync(readFileSync(deviceFile(dir)))) as Device
  return await recordDevice(dir, DEVICE_BYTES, async (folder, marks) => {
    const living = live(lifeAfter(newTruth(), plan, join(folder, 'log')), () => {}, undefined, marks)
    const timer = setTimeout(living.kill, LIFE_MS_MAX)
    const { code, signal, stderr } = await living.ended
    clearTimeout(timer)
    if (code !== 0 && plan.end !== 'kill') throw new Error(`the life ended with ${code ?? signal}: ${stderr}`)
  })
}

/** So many places among the records, ascending. */
function placesOf({ dice }: Round, { records }: Device): readonly number[] {
  const first = records.findIndex((it) => it.what === 'mark')
  const from = Math.max(0, Math.floor(first / 2))
  return Array.from({ length: CUTS }, () => from + dice.below(records.length - from)).sort((a, b) => a - b)
}

export const s3: Campaign = {
  id: 'S3',
  what: 'power cut below the file system, writes reordered and torn',
  short: 50,
  long: 2_000,
  async run(round) {
    if (!mayMount()) return console.log('S3 is left out: mounting needs root')
    const device = await recorded(round)
    const cutter = createCutter(device.image)
    const truth = newTruth()
    let done = 0
    let cuts = 0
    for (const place of placesOf(round, device)) {
      for (; done < place; done++) {
        const record = device.records[done]
        if (record?.what === 'mark') hear(truth, record.text)
        else if (record) cutter.apply(record)
      }
      // What was recorded is looked at, however long that took.
      if (cuts++ > 0 && round.isOver()) return
      const dice = createDice(round.seed, round.number, place)
      const way = randomCut(dice)
      await round.case(`record ${place} of ${device.records.length}, ${cutter.pending()} not flushed, ${way}`, async () => {
        const copy = join(round.dir, `cut-${place}`)
        try {
          rmSync(copy, { recursive: true, force: true })
          mountedCopy(round.dir, cutter.cut(way, dice), 'log', copy)
          await examineFolder(round.dir, copy, copyOf(truth), howToExamine(dice, { bootId: NEXT_BOOT }))
          rmSync(copy, { recursive: true })
        } catch (error) {
          keep(round.dir, device)
          throw error
        }
      })
    }
  },
}
