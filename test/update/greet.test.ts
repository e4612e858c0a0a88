import { expect, test } from 'vitest'
import { greet } from '../../src/update/greet.ts'

/** A boot of which `answers` say in turn whether it is well, and whose RAUC does not answer the first `silent` times. */
function bootOf(answers: readonly boolean[], silent: number, trialLooks = 0) {
  const ending = new AbortController()
  const seen = { said: [] as string[], looks: 0, asked: 0, marked: 0, tries: 0 }
  return {
    seen,
    ending,
    parts: {
      over: ending.signal,
      againMs: 1,
      said: (text: string) => void seen.said.push(text),
      isOrdinary: async () => seen.looks++ >= trialLooks,
      isWell: async () => answers[Math.min(seen.asked++, answers.length - 1)] as boolean,
      async markGood() {
        if (seen.tries++ < silent) throw new Error('RAUC does not answer')
        seen.marked++
      },
    },
  }
}

test('a slot is marked good once: also where the agent comes late, and where RAUC did not answer the first time', async () => {
  const { parts, seen } = bootOf([false, false, true], 2)
  await greet(parts)
  expect(seen).toMatchObject({ asked: 5, tries: 3, marked: 1 })
  expect(seen.said).toEqual([
    'this boot has not shown that it is well: its slot is not marked good yet',
    'this boot could not be marked good yet: RAUC does not answer',
  ])
})

test('what is on trial is left alone until that is over, a version that it fell back to is marked; a stop ends the waiting', async () => {
  const trial = bootOf([true], 0, 3)
  await greet(trial.parts)
  expect(trial.seen).toMatchObject({ looks: 4, asked: 1, marked: 1, said: [] })
  const stopped = bootOf([false], 0)
  const greeting = greet({ ...stopped.parts, againMs: 3_600_000 })
  setImmediate(() => stopped.ending.abort())
  await greeting
  expect(stopped.seen.marked).toBe(0)
})
