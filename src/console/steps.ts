// Steps of a test that was made in this process, as the command of the same name shows them.
import { showSteps as shown } from '../commands/test-steps.ts'
import type { TestStep } from '../core/source.ts'
import type { Terminal } from './terminal.ts'

export async function showSteps({ out }: Terminal, name: string, steps: AsyncIterable<TestStep>): Promise<void> {
  await shown({ out, env: {}, json: false }, name, steps)
}
