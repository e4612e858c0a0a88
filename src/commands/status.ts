import { setTimeout as delay } from 'node:timers/promises'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { statusLine, statusPage } from './status-page.ts'
import { document, lines, painter, wrap } from './text.ts'
import { formatTime, nowMicros } from './times.ts'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import * as shapes from './shapes/status.ts'

const now = operation({
  name: 'status',
  access: 'viewer',
  summary: 'what comes in, is kept, goes out; issues with remedies',
  input: nothing,
  output: shapes.status,
  run: (_, { agent }) => agent.status(),
})

const REDRAW_MS = 1_000
const LINE_MS = 5_000
const CLEAR = '\x1b[2J'
/** Drawn over what stands there, so that nothing flickers. */
const HOME = '\x1b[H'
const LINE_END = '\x1b[K\n'
const CLEAR_BELOW = '\x1b[J'

export const status: Command = {
  name: 'status',
  role: 'view',
  summary: now.summary,
  arguments: [],
  options: { watch: { summary: 'again each second; a line every 5 s without a terminal' } },
  async run(context) {
    if (context.options.watch) return watch(context)
    const now = await context.agent.status()
    if (context.json) await document(context, now)
    else await lines(context.out, statusPage(now, nowMicros(), painter(context.out, context.env), context.out.width))
    return DONE
  },
  operation: now,
}

/** Until the signal aborts. An agent that is away is shown, and waited for. */
async function watch(context: CommandContext): Promise<number> {
  const { out, signal } = context
  if (context.json) throw new BadInput([{ where: '--watch', text: 'goes on for ever; --json prints one document' }])
  if (out.isTerminal) await out.write(CLEAR)
  while (!signal.aborted) {
    const texts = await glance(context)
    if (out.isTerminal) await out.write(`${HOME}${texts.join(LINE_END)}${LINE_END}${CLEAR_BELOW}`)
    else await lines(out, texts)
    await delay(out.isTerminal ? REDRAW_MS : LINE_MS, undefined, { signal }).catch(() => undefined)
  }
  return DONE
}

async function glance({ agent, out, env }: CommandContext): Promise<string[]> {
  const now = nowMicros()
  const stamp = `${formatTime(now).slice(0, 19)}Z`
  try {
    const seen = await agent.status()
    return out.isTerminal ? statusPage(seen, now, painter(out, env), out.width) : [`${stamp}  ${statusLine(seen)}`]
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    return out.isTerminal ? wrap(`${stamp}  ${error.message}; trying again`, out.width) : [`${stamp}  ${error.message}`]
  }
}
