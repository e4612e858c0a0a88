// A replay goes to no topic that the box itself has a use for.
import { expect, test } from 'vitest'
import { replayKind } from '../../src/cloud-commands/kinds/replay.ts'
import type { Held } from '../../src/cloud-commands/journal.ts'

const OWN = {
  topics: { telemetry: 'plant.{site}.{class}', events: 'holdfast.events.v1' },
  commands: { topic: 'holdfast.commands.v1', kinds: ['replay'] },
}

async function tried(topic: string) {
  const asked: string[] = []
  const kind = replayKind({
    uplinks: () => [OWN, {}],
    classes: () => ['process', 'a+b'],
    replay: async (_, to) => asked.push(to),
  })
  const command = { uplink: 'cloud', body: { tags: ['*'], from: 0, to: 1, topic } } as unknown as Held
  const doing = { begin() {}, signal: new AbortController().signal, now: () => 0 }
  const run = await kind.run(command, doing)
  expect(await kind.resume(command, doing)).toMatchObject({ result: run.result })
  expect(asked).toEqual(run.result === 'refused' ? [] : [topic, topic])
  return run.code ?? run.result
}

test.each([
  ['plant.halle-1.process', 'replay-own-topic'],
  ['holdfast.events.v1', 'replay-own-topic'],
  ['holdfast.commands.v1', 'replay-own-topic'],
  ['plant.halle-1.other', 'done'],
  ['holdfast-events.v1', 'done'],
  ['again.v1', 'done'],
])('%s: %s', async (topic, code) => {
  expect(await tried(topic)).toBe(code)
})
