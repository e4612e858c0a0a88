// The log's keeper thread: reads beside the writer.
import { parentPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { KeeperOptions } from '../log/keeper-options.ts'
import { openKeeper } from '../log/keeper.ts'
import { begun } from './begun.ts'
import { serve } from './port.ts'

const keeper = openKeeper(await begun<KeeperOptions>())

serve(parentPort as MessagePort, {
  next: keeper.next,
  restart: keeper.restart,
  forget: keeper.forget,
  heads: keeper.heads,
  readForRules: keeper.rules.read,
  behindOfRules: keeper.rules.behind,
  beginFollow: keeper.follow.begin,
  followOn: keeper.follow.read,
  query: keeper.query,
  work: keeper.work,
  applied: keeper.applied,
  bands: keeper.bands,
  tryAggregates: keeper.tryAggregates,
  checkFiles: keeper.check.files,
  checkJournal: keeper.check.journal,
  checkSegment: keeper.check.segment,
  inspect: keeper.check.inspect,
  ledger: keeper.check.ledger,
  days: keeper.check.days,
  exportBytes: keeper.check.exportBytes,
  exportPart: keeper.check.exportPart,
  close: keeper.close,
})
