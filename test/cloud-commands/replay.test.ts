// A replay goes to no topic that the box itself has a use for.
import { expect, test } from 'vitest'
import { replayKind } from '../../src/cloud-commands/kinds/replay.ts'
import type { Held } from '../../src/cloud-commands/journal.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { settingsSchema } from '../../src/settings/schema.ts'

const BROKERS = { brokers: ['kafka:9092'], insecure: 'a test' }
const TOPICS = { telemetry: 'plant.{site}.{class}' }
const { uplinks } = settingsSchema(settingsSchemas).parse({
  version: 1,
  classes: [{ name: 'process' }],
  uplinks: [
    { name: 'cloud', kafka: { ...BROKERS, topics: TOPICS, commands: { kinds: ['replay'] } } },
    { name: 'site', mqtt: { url: 'mqtt://broker:1883', insecure: 'a test' } },
  ],
})

async function tried(topic: string) {
  const asked: string[] = []
  const kind = replayKind({
    topics: () => uplinks.flatMap((it) => it.topics ?? []),
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
