// The log's writer thread: owns journal.db.
import { parentPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { ClockState } from '../core/clock.ts'
import { recoverLog } from '../log/recover.ts'
import type { Writer, WriterOptions } from '../log/writer.ts'
import type { WriterWorld } from '../log/writer-world.ts'
import { openWriter } from '../log/writer.ts'
import { hardwareMark } from '../machine/hardware.ts'
import { begun } from './begun.ts'
import { systemClock, systemState } from './clock.ts'
import { caller, packed, serve } from './port.ts'
import type { SmallBatches } from './small-batches.ts'
import { unpackSmall } from './small-batches.ts'

const port = parentPort as MessagePort
const { clock: shared, ...options } = await begun<WriterData>()
const clock = systemClock(shared?.cell)
const clockState = shared?.state ?? systemState()
/** Calls wait in the port until somebody listens: nobody does before this is over. */
const unrecovered: unknown = await recoverLog({ ...options, bootId: clockState.bootId, now: clock.now() }).then(
  () => undefined,
  (error: unknown) => error,
)
const main = caller(port)

/** What the log's options and the agent's clock are handed over as. */
export type WriterData = WriterOptions & { readonly clock?: { readonly cell: SharedArrayBuffer; readonly state: ClockState } }

const world: WriterWorld = {
  now: clock.now,
  monotonic: clock.monotonic,
  after(ms, run) {
    if (ms < 1) {
      const now = setImmediate(run)
      return { cancel: () => clearImmediate(now) }
    }
    const later = setTimeout(run, ms)
    return { cancel: () => clearTimeout(later) }
  },
  clock: () => clockState,
  hardware: hardwareMark(),
  // Loaded by the one start that draws an epoch.
  randomEpoch: () => process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex'),
  durable: (ids, unpublished) => main.tell('durable', [ids, unpublished]),
  held: () => main.tell('held', []),
  failed: (error) => main.tell('failed', [packed(error)]),
}

/** What is thrown out of a thread loses its class on the way: a log that cannot be opened is told as what it is. */
function opened(): Writer {
  try {
    if (unrecovered !== undefined) throw unrecovered
    return openWriter(options, world)
  } catch (error) {
    world.failed(error)
    throw error
  }
}

const writer = opened()

serve(port, {
  append: writer.append,
  appendSmall(together: SmallBatches, hurry: boolean) {
    for (const { id, batch } of unpackSmall(together)) writer.append(id, batch)
    if (hurry) writer.hurry()
  },
  hurry: writer.hurry,
  forget: writer.forget,
  offer: writer.offer,
  commit: writer.commit,
  told: writer.told,
  restart: writer.restart,
  givenOut: writer.given.out,
  give: writer.given.give,
  whole: writer.given.whole,
  receive: writer.given.receive,
  boxPosition: writer.others.position,
  takeOfBox: writer.others.take,
  takeEvents: writer.takeEvents,
  appendEvents: writer.rules.append,
  beginRules: writer.rules.begin,
  saveRules: writer.rules.save,
  savedOfNotifier: writer.notify.saved,
  saveNotifier: writer.notify.save,
  followed: writer.followed,
  publish: writer.publish,
  damaged: writer.damaged,
  clockStepped: writer.clockStepped,
  state: writer.state,
  apply: writer.apply,
  figures: writer.figures,
  close: writer.close,
})
