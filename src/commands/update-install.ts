// A bundle from a file, an address or the stick. RAUC checks its signature, whoever brings it.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { UpdateApi, UpdatePhase, UpdateStatus } from '../core/update.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { operation } from './operation.ts'
import type { Progress } from './progress.ts'
import { progressOn } from './progress.ts'
import { updateNow } from './shapes/update.ts'
import { document, lines } from './text.ts'
import { jobText } from './update-page.ts'

const PIECE_BYTES = 3_000_000
const LOOK_MS = 500
/** A box starts anew, and its updater, in less. */
export const UPDATER_AWAY_MS_MAX = 120_000

const install = operation({
  name: 'update install',
  access: 'technician',
  summary: 'installs a signed bundle and starts anew with it: from a file, an https:// address, or the stick',
  input: z.strictObject({
    from: z.union([
      z.strictObject({ url: z.string().max(2_000) }),
      z.strictObject({ stick: z.string().max(128) }),
      z.strictObject({ taken: z.literal(true) }),
    ]),
  }),
  output: updateNow,
  audited: ['from'],
  run: ({ from }, { updater, by }) => updater.install(from, by),
})

/** A browser hands a bundle over so. */
export const updateTakeOperation = operation({
  name: 'update take',
  access: 'technician',
  summary: 'takes one piece of a bundle, which update install {"from": {"taken": true}} installs; at offset 0 a new one begins',
  input: z.strictObject({ offset: z.int().min(0), base64: z.string().max(4_500_000) }),
  output: z.object({ bytes: z.number() }),
  run: ({ offset, base64 }, { updater }) => updater.take(offset, base64),
})

export const updateInstall: Command = {
  name: 'update install',
  role: 'local',
  summary: install.summary,
  arguments: ['FILE|URL'],
  options: { stick: { summary: 'FILE is the name of a file on the stick that is mounted' } },
  operation: install,
  async run(context) {
    const updater = await context.parts.connectUpdater(context.dir)
    const progress = progressOn(context.err)
    try {
      await begin(context, updater, progress)
      return await follow(context, updater, progress)
    } finally {
      progress.end()
    }
  },
}

async function begin({ args, options }: CommandContext, updater: UpdateApi, progress: Progress): Promise<void> {
  const [what = ''] = args
  if (options['stick'] === true) await updater.install({ stick: what }, 'cli')
  else if (/^[a-z]+:\/\//.test(what)) await updater.install({ url: what }, 'cli')
  else {
    await handOver(what, updater, progress)
    await updater.install({ taken: true }, 'cli')
  }
}

async function handOver(file: string, updater: UpdateApi, progress: Progress): Promise<void> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: file, text: `cannot be read: ${error.code}` }])
  })
  try {
    const { size } = await handle.stat()
    // Nothing handed over would leave there what somebody handed over before.
    if (size === 0) throw new BadInput([{ where: file, text: 'is empty' }])
    const piece = Buffer.alloc(PIECE_BYTES)
    for (let offset = 0; ; ) {
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, offset)
      if (bytesRead === 0) break
      await updater.take(offset, piece.subarray(0, bytesRead).toString('base64'))
      offset += bytesRead
      progress.at(offset / size, `${basename(file)} is handed over`)
    }
  } finally {
    await handle.close()
  }
}

/** Until the box starts anew, or the update is over. An updater that goes away meanwhile is waited for: it goes on where it was. */
async function follow(context: CommandContext, updater: UpdateApi, progress: Progress): Promise<number> {
  let phase: UpdatePhase | undefined
  let goneSince: number | undefined
  for (;;) {
    const now = await updater.status().catch((error: unknown) => {
      if (error instanceof Unreachable) return undefined
      throw error
    })
    if (!now) {
      goneSince ??= performance.now()
      if (performance.now() - goneSince > UPDATER_AWAY_MS_MAX) throw goneAway(phase)
      await sleep(LOOK_MS, undefined, { signal: context.signal })
      continue
    }
    goneSince = undefined
    phase = now.job?.phase
    if (!now.job || now.job.phase === 'reboot') return end(context, now)
    if (now.job.wait && now.job.wait.code !== 'rest') {
      if (context.json) await document(context, now)
      else await lines(context.out, [jobText(now.job)])
      return DONE
    }
    progress.at(now.job.share, jobText(now.job))
    await sleep(LOOK_MS, undefined, { signal: context.signal })
  }
}

function goneAway(phase: UpdatePhase | undefined): Unreachable {
  const text = `the updater has not answered for ${UPDATER_AWAY_MS_MAX / 1000} s; it was last seen in phase ${phase ?? 'none'}`
  return new Unreachable('updater-gone', text, { remedy: 'holdfast update status says how it ended, once it answers again' })
}

async function end(context: CommandContext, now: UpdateStatus): Promise<number> {
  if (context.json) await document(context, now)
  if (now.job) {
    if (!context.json) await lines(context.out, ['installed; the box starts anew with it'])
    return DONE
  }
  const { last } = now
  if (!context.json) await lines(context.out, [last ? `${last.outcome}: ${last.text}` : 'nothing was installed'])
  return last?.outcome === 'good' ? DONE : FAILED
}
