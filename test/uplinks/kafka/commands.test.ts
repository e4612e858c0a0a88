// Where reading commands begins, by a cluster that says of its topics what it likes. What is read: test/route/commands.test.ts.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CommandPlace } from '../../../src/core/cloud-command.ts'
import { openCommands } from '../../../src/uplinks/kafka/commands.ts'
import type { Model } from '../../kafka-model/server.ts'
import { startModel } from '../../kafka-model/server.ts'
import { settingsOf } from './cluster.ts'
import { contextOf } from './slices.ts'

const TOPIC = 'holdfast.commands.v1'
const LEADER_NOT_AVAILABLE = 5
const TOPIC_AUTHORIZATION_FAILED = 29
const UNKNOWN_TOPIC = 3

let model: Model
/** What the next looks at the topic are answered with. */
let looks: number[]

beforeEach(async () => {
  looks = []
  model = await startModel({
    topics: { [TOPIC]: 2 },
    refuse: (api) => (api === 'Metadata' ? looks.shift() : undefined),
  })
})

afterEach(() => model.close())

const open = (from?: CommandPlace) =>
  openCommands({ ...settingsOf(`127.0.0.1:${model.port}`), commands: { topic: TOPIC, kinds: ['push'] } }, contextOf('hf-1'), from)

test.each([LEADER_NOT_AVAILABLE, TOPIC_AUTHORIZATION_FAILED])('error %i says nothing of where to begin', async (code) => {
  looks = [code]
  await expect(open()).rejects.toMatchObject({ name: 'Unreachable' })
})

test('a topic that is missing once is looked for again; where reading begins is not heard yet', async () => {
  looks = [UNKNOWN_TOPIC]
  const reader = await open()
  expect(await reader.next()).toEqual({
    place: { cluster: 'model', partitions: { 0: 0, 1: 0 } },
    records: [],
    unreadable: 0,
    isFetched: false,
  })
  // Here nobody may read.
  await expect(reader.next()).rejects.toMatchObject({ name: 'Unreachable' })
  reader.close()
}, 15_000)

test('a topic that is missing twice is read from its beginning once it is there', async () => {
  looks = [UNKNOWN_TOPIC, UNKNOWN_TOPIC]
  const reader = await open()
  expect(await reader.next()).toMatchObject({ place: { cluster: 'model', partitions: {} }, isFetched: false })
  await expect(reader.next()).rejects.toMatchObject({ code: 'topic-missing' })
  reader.close()
}, 15_000)

test('whoever may not read is not heard', async () => {
  const reader = await open({ cluster: 'model', partitions: { 0: 0, 1: 0 } })
  await expect(reader.next()).rejects.toMatchObject({ name: 'Unreachable' })
  reader.close()
})
