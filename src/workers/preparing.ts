// Main's side of what an uplink's thread makes ready.
import type { UplinkBatch } from '../core/uplink.ts'
import type { Caller } from './port.ts'

/** What the thread has prepared is not handed over again. It is copied there, since a batch that is sent without it needs its blocks. */
export function preparing(calls: Pick<Caller, 'call'>) {
  let last: { readonly id: number; readonly batch: UplinkBatch } | undefined
  let ids = 0
  return {
    async prepare(batch: UplinkBatch): Promise<void> {
      last = { id: ++ids, batch }
      await calls.call('prepare', [last.id, batch]).catch(() => {})
    },
    /** What of a batch the thread lacks, and the number of what it has. */
    taken(batch: UplinkBatch): [UplinkBatch, number?] {
      const it = last
      const own = new Set(it?.batch.slices)
      const rest = batch.slices.filter((slice) => !own.has(slice))
      if (!it || rest.length === batch.slices.length) return [batch]
      last = undefined
      if (batch.slices.length - rest.length < own.size) return [batch]
      const series = new Map([...batch.series].filter(([id, one]) => it.batch.series.get(id) !== one))
      return [{ ...batch, slices: rest, series }, it.id]
    },
  }
}
