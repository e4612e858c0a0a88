// What an agent would give out, where none runs: under the lock of the log, in this thread.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { airgapApi } from './airgap/give.ts'
import { EXPORT_KEY_FILE, ownSigningKey } from './airgap/keys.ts'
import type { AirgapApi, GivingLog, ReceivingLog } from './core/airgap.ts'
import { BadInput } from './core/errors.ts'
import type { Settings } from './core/settings.ts'
import { givenBy } from './log/given.ts'
import type { Keeper } from './log/keeper.ts'
import { openKeeper } from './log/keeper.ts'
import { keeperOptions } from './log/keeper-options.ts'
import { takeLock } from './log/lock.ts'
import { recoverLog } from './log/recover.ts'
import type { Writer, WriterOptions } from './log/writer.ts'
import { offlineWriter, optionsOf } from './offline-log.ts'
import { serves } from './pipeline/report.ts'
import { systemClock, systemState } from './workers/clock.ts'

/** Throws BadInput where there is no log, or somebody has it. `settings` says who may read; the log says whose it is. */
export async function openOfflineExport(dataDir: string, settings: Settings): Promise<AirgapApi & { close(): Promise<void> }> {
  const dir = join(dataDir, 'log')
  if (!existsSync(dir))
    throw new BadInput([{ where: dir, text: 'there is no log', remedy: 'name its data directory with --data DIR' }])
  const lock = takeLock(dir, 'an export')
  try {
    const options = optionsOf(dir)
    const { writer, keeper } = await openBoth(options)
    const { device, delivery, uplinks, classes } = options
    return {
      ...airgapApi({
        log: logOn(writer, keeper),
        key: () => ownSigningKey(join(dataDir, EXPORT_KEY_FILE)),
        device,
        site: settings.device.site,
        clock: systemClock(),
        epoch: async () => writer.figures().epoch,
        settings: settings.export,
        exceptOf: (name) =>
          uplinks.includes(name)
            ? classes.map((it) => it.name).filter((it) => !serves(name, delivery[it] ?? 'all-uplinks'))
            : undefined,
      }),
      async close() {
        keeper.close()
        writer.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function openBoth(options: WriterOptions): Promise<{ writer: Writer; keeper: Keeper }> {
  const clock = systemState()
  await recoverLog({ ...options, bootId: clock.bootId, now: clock.now })
  const writer = offlineWriter(options, clock, (error) => {
    throw error
  })
  const keeper = openKeeper(keeperOptions(options))
  return { writer, keeper }
}

function logOn(writer: Writer, keeper: Keeper): GivingLog & ReceivingLog {
  return {
    ...givenBy({
      out: async (uplink) => writer.given.out(uplink),
      give: async (uplink, ranges) => writer.given.give(uplink, ranges),
      whole: async (uplink, ranges) => writer.given.whole(uplink, ranges),
      restart: async (name, delivered) => keeper.restart(name, delivered, []),
      forget: async (name) => keeper.forget(name),
      async next(request) {
        while (writer.publish() > 0);
        const { damaged, ...taken } = keeper.next(request)
        for (const { stream, first } of damaged) writer.damaged(stream, first)
        return taken
      },
    }),
    heads: async () => keeper.heads(),
    receive: async (receipt) => writer.given.receive(receipt),
  }
}
