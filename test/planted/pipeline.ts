// Mistakes on the way in and out.
import type { Fault } from './fault.ts'

export const PIPELINE_FAULTS: readonly Fault[] = [
  {
    id: 'durable-early',
    file: 'src/pipeline/ingest.ts',
    find: '    last = Promise.all([last, log.append(batch)]).then(() => {\n',
    replace: `    void log.append(batch)
    last = last.then(() => {
`,
    why: 'a source hears that its batch is durable before it is',
    caughtBy: ['test/pipeline/ingest.test.ts'],
  },
  {
    id: 'durable-out-of-order',
    file: 'src/pipeline/ingest.ts',
    find: 'Promise.all([last, log.append(batch)])',
    replace: 'log.append(batch)',
    why: 'a source hears of its batches in another order',
    caughtBy: ['test/pipeline/ingest.test.ts'],
  },
  {
    id: 'source-unheld',
    file: 'src/pipeline/ingest.ts',
    find: '    if (inFlight.length >= batchesMax) await inFlight.shift()\n',
    replace: '',
    why: 'a slow disk fills the memory',
    caughtBy: ['test/pipeline/ingest.test.ts'],
  },
  {
    id: 'commit-before-send',
    file: 'src/pipeline/forward.ts',
    find: `      const refused = await sent
      await log.commit(parts.uplink, ranges, transaction, refused)
`,
    replace: `      await log.commit(parts.uplink, ranges, transaction, [])
      await sent
`,
    why: 'readings are delivered that the destination may not get',
    caughtBy: ['test/pipeline/forward.test.ts > whatever fails'],
  },
  {
    id: 'refusals-dropped',
    file: 'src/pipeline/forward.ts',
    find: '      await log.commit(parts.uplink, ranges, transaction, refused)\n',
    replace: '      await log.commit(parts.uplink, ranges, transaction, [])\n',
    why: 'what the destination refused counts as delivered',
    caughtBy: ['test/pipeline/forward-steps.test.ts > refused stays'],
  },
  {
    id: 'doubt-narrowed',
    file: 'src/pipeline/forward.ts',
    find: '    await intent.narrow(sending)\n',
    replace: '    await intent.narrow([])\n',
    why: 'after a doubt nothing is in doubt',
    caughtBy: ['test/pipeline/forward.test.ts > whatever fails'],
  },
  {
    id: 'intent-skipped',
    file: 'src/pipeline/forward.ts',
    find: '      if (clock.monotonic() < until && ranges.every(covers)) return []\n',
    replace: '      if (clock.monotonic() < until) return []\n',
    why: 'readings are sent without an intent that names them',
    caughtBy: ['test/pipeline/forward.test.ts > whatever fails'],
  },
  {
    id: 'given-up-sent',
    file: 'src/pipeline/forward.ts',
    find: '  if (empty.length === 0) return { live, backlog }\n',
    replace: '  if (empty.length >= 0) return { live, backlog }\n',
    why: 'readings are sent that the ledger names as lost',
    caughtBy: ['test/pipeline/forward-steps.test.ts > gave up'],
  },
  {
    id: 'blocked-taken',
    file: 'src/pipeline/forward.ts',
    find: '  const except = [...never, ...report.blocked.flatMap((it) => it.classes)]\n',
    replace: '  const except = [...never]\n',
    why: 'one topic that is missing stops all classes',
    caughtBy: ['test/pipeline/forward.test.ts > a class that is blocked'],
  },
  {
    id: 'position-unasked',
    file: 'src/pipeline/forward.ts',
    find: 'await parts.log.restart(parts.uplink, await uplink.position(signal))',
    replace: "await parts.log.restart(parts.uplink, 'none')",
    why: 'after a doubt nobody asks what the destination has',
    caughtBy: ['test/pipeline/forward.test.ts > whatever fails'],
  },
  {
    id: 'fences-fought',
    file: 'src/pipeline/forward.ts',
    find: 'fences >= FENCES_MAX ? waits.fencedMs : waitMs',
    replace: 'waitMs',
    why: 'two holders of one identity shut each other out for ever',
    caughtBy: ['test/pipeline/forward-steps.test.ts > three fences'],
  },
  {
    id: 'no-backoff',
    file: 'src/pipeline/keep-running.ts',
    find: '      waitMs = Math.min(maxMs, waitMs * 2)\n',
    replace: '',
    why: 'a destination that is away is asked twice a second',
    caughtBy: ['test/pipeline/keep-running.test.ts'],
  },
  {
    id: 'no-jitter',
    file: 'src/pipeline/keep-running.ts',
    find: 'waitMs * (0.5 + loop.random())',
    replace: 'waitMs',
    why: 'a thousand boxes come back at once',
    caughtBy: ['test/pipeline/keep-running.test.ts'],
  },
]
