// `sources test` and `uplinks test` across threads: each step is told as it comes, the call's answer is the end.
import type { Route } from '../core/admission.ts'
import type { TestStep } from '../core/source.ts'
import type { Caller } from './port.ts'

const TEST_MS_MAX = 120_000

type Run = (name: string, signal: AbortSignal, route: Route | undefined) => Promise<AsyncIterable<TestStep>>

/** The thread's side: a handler named 'test'. */
export function testSteps(main: Caller, run: Run): (id: number, name: string, route?: Route) => Promise<void> {
  return async (id, name, route) => {
    for await (const step of await run(name, AbortSignal.timeout(TEST_MS_MAX), route)) main.tell('step', [id, step])
  }
}

export interface StepCalls {
  /** A handler named 'step'. */
  step(id: number, step: TestStep): void
  test(thread: Caller, name: string, signal: AbortSignal, route?: Route): AsyncIterable<TestStep>
}

/** Main's side. */
export function stepCalls(): StepCalls {
  let next = 0
  const open = new Map<number, (step: TestStep) => void>()
  return {
    step: (id, step) => open.get(id)?.(step),
    async *test(thread, name, signal, route) {
      const id = next++
      const steps: TestStep[] = []
      let wake = () => {}
      let ended = false
      open.set(id, (step) => {
        steps.push(step)
        wake()
      })
      const end = thread.call<void>('test', [id, name, route]).finally(() => {
        ended = true
        wake()
      })
      end.catch(() => {})
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        for (;;) {
          const step = steps.shift()
          if (step) yield step
          else if (ended || signal.aborted) break
          else await new Promise<void>((resolve) => (wake = resolve))
        }
        if (!signal.aborted) await end
      } finally {
        open.delete(id)
      }
    },
  }
}
