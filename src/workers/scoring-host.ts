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
  /** Throws where the other thread has ended, or does not answer: what was scored since is worth nothing, and whoever asked is to be started anew. */
  check(): void
  close(): void
}

const HEAP_MB = 32
/** The other thread answers sooner, whatever the scorer does. */
export const SCORE_MS_MAX = 90_000

/** Undefined: no rule has a model. */
export function openScoring(rules: readonly RuleSettings[], models: ModelsAsked | undefined): Scoring | undefined {
  const names = [...new Set(rules.flatMap((it) => it.model?.name ?? []))]
  if (names.length === 0 || !models) return undefined
  const { socket, keys, memoryBytesMax } = models
  const answers = new Int32Array(new SharedArrayBuffer(8))
  const { port1: ours, port2: theirs } = new MessageChannel()
  const data: ScoringData = { socket, hello: { keys: [...keys], models: names, memoryBytesMax }, answers, port: theirs }
  const worker = new Worker(new URL('./scoring.ts', import.meta.url), {
    workerData: data,
    transferList: [theirs],
    name: 'scoring',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  let next = 0
  let isClosed = false
  let isSilent = false
  const isGone = () => isSilent || Atomics.load(answers, 1) === 1

  function check(): void {
    if (isGone() && !isClosed) throw new Error('the thread that asks models has ended, or does not answer')
  }

  // What ended it ends this thread too.
  worker.on('error', (error) => {
    throw error
  })
  worker.on('exit', () => {
    Atomics.store(answers, 1, 1)
    check()
  })

  function answerTo(id: number): Scored {
    const until = performance.now() + SCORE_MS_MAX
    for (;;) {
      const seen = Atomics.load(answers, 0)
      for (let it = receiveMessageOnPort(ours); it; it = receiveMessageOnPort(ours)) {
        const { id: of, ...scored } = it.message as Answer
        if (of === id) return scored
      }
      const leftMs = until - performance.now()
      isSilent ||= leftMs <= 0
      if (isGone()) return { code: 'scorer-unreachable', text: 'the thread that asks models does not answer' }
      Atomics.wait(answers, 0, seen, leftMs)
    }
  }

  return {
    score({ name: model, timeoutMs }, inputs) {
      const id = next++
      ours.postMessage({ id, model, timeoutMs, inputs } satisfies Ask)
      return answerTo(id)
    },
    check,
    close() {
      isClosed = true
      ours.close()
      void worker.terminate()
    },
  }
}
