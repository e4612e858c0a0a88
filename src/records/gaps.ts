// What gap records say: what was given up, and what an uplink never got.
import type { LedgerRow } from '../core/log.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamOf } from '../core/stream.ts'

/** A line of the ledger. `seq_to` and `to` are inclusive: the last sequence and the last time. */
export function gapValue({ stream, ...row }: LedgerRow, site: string, now: number): object {
  return {
    ts: row.at,
    device: stream.device,
    site,
    class: stream.class,
    form: stream.form,
    epoch: stream.epoch,
    seq_from: row.from,
    seq_to: row.to - 1,
    from: row.timeFrom,
    to: row.timeTo,
    count: row.count,
    action: row.action,
    reason: row.reason,
    exact: row.exact,
    seq: row.sequence,
    ingest_ts: now,
  }
}

/** What this uplink never got and others have: it has no place in a gap stream. When the readings were is not known any more. */
export function elsewhereValue(
  { stream, from, to }: StreamRange,
  { site, uplink, transaction }: { readonly site: string; readonly uplink: string; readonly transaction: number },
  now: number,
): object {
  const { device, epoch, class: name, form } = streamOf(stream)
  return {
    ts: now,
    device,
    site,
    class: name,
    form,
    epoch,
    seq_from: from,
    seq_to: to - 1,
    from: null,
    to: null,
    count: to - from,
    action: 'elsewhere',
    reason: 'another-uplink',
    exact: true,
    seq: null,
    uplink,
    transaction,
    ingest_ts: now,
  }
}
