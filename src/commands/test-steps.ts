// `sources test`, `uplinks test` and `notify test`: each step as it is made, and what to do about the one that fails.
import type { TestStep } from '../core/source.ts'
import type { CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { document, lines, painter, printable, remedyLines, wrap } from './text.ts'

const STEP_WIDTH = 18

type StepsContext = Pick<CommandContext, 'out' | 'env' | 'json'>

export async function showSteps(context: StepsContext, name: string, steps: AsyncIterable<TestStep>): Promise<number> {
  const made: TestStep[] = []
  for await (const step of steps) {
    made.push(step)
    if (!context.json) await lines(context.out, stepLines(context, step))
  }
  const ok = made.length > 0 && made.every((it) => it.ok)
  if (context.json) await document(context, { name, ok, steps: made })
  else await lines(context.out, [ok ? `${name}: all ${made.length} steps hold` : `${name}: the test failed`])
  return ok ? DONE : FAILED
}

function stepLines({ out, env }: StepsContext, { step, ok, detail, remedy }: TestStep): string[] {
  const paint = painter(out, env)
  const indent = ' '.repeat(STEP_WIDTH + 10)
  const name = printable(step)
  const head = `${ok ? paint('green', 'ok    ') : paint('red', 'FAILED')}  ${name.padEnd(STEP_WIDTH)}`
  const [first = '', ...rest] = wrap(detail, out.width, indent)
  // A long name has a line of its own.
  const body = name.length > STEP_WIDTH ? [head, first, ...rest] : [`${head}  ${first.trimStart()}`, ...rest]
  return [...body.map((it) => it.trimEnd()).filter(Boolean), ...remedyLines(remedy, out.width, indent)]
}
