// Scores for the thread that runs rules: it waits until it has one, since what comes after depends on it; another thread asks (scoring.ts), and always answers.
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { ModelsSettings, Score, Scored } from '../core/model.ts'
import type { RuleSettings } from '../core/rule.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import type { Answer, Ask } from '../models/wire.ts'
import type { ScoringData } from './scoring.ts'

/** What rules with models need. */
export interface ModelsAsked extends ModelsSettings {
  readonly socket: string
}

export interface Scoring {
  readonly score: Score
  close(): void
}

const HEAP_MB = 32
/** The other thread is gone, or has never come up. */
const SILENT_MS_MAX = 90_000

/** Undefined: no rule has a model. */
export function openScoring(rules: readonly RuleSettings[], models: ModelsAsked | undefined): Scoring | undefined {
  const names = [...new Set(rules.flatMap((it) => it.model?.name ?? []))]
  if (names.length === 0 || !models) return undefined
  const { socket, keys, memoryBytesMax } = models
  const answers = new Int32Array(new SharedArrayBuffer(4))
  const { port1: ours, port2: theirs } = new MessageChannel()
  const data: ScoringData = { socket, hello: { keys: [...keys], models: names, memoryBytesMax }, answers, port: theirs }
  const worker = new Worker(new URL('./scoring.ts', import.meta.url), {
    workerData: data,
    transferList: [theirs],
    name: 'scoring',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  worker.on('error', () => {})
  let next = 0

  function answerTo(id: number): Scored {
    const until = performance.now() + SILENT_MS_MAX
    for (;;) {
      const seen = Atomics.load(answers, 0)
      for (let it = receiveMessageOnPort(ours); it; it = receiveMessageOnPort(ours)) {
        const { id: of, ...scored } = it.message as Answer
        if (of === id) return scored
      }
      const leftMs = until - performance.now()
      if (leftMs <= 0) return { code: 'scorer-unreachable', text: 'the thread that asks models does not answer' }
      Atomics.wait(answers, 0, seen, leftMs)
    }
  }

  return {
    score({ name: model, timeoutMs }, inputs) {
      const id = next++
      ours.postMessage({ id, model, timeoutMs, inputs } satisfies Ask)
      return answerTo(id)
    },
    close() {
      ours.close()
      void worker.terminate()
    },
  }
}
