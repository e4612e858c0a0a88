// Prints what default settings do on this machine. Wants it idle.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTopics, startBroker } from '../kafka/broker.ts'
import { measureModbus, measureMqtt } from './measures.ts'

const PORT = 27_250

const dir = mkdtempSync(join(tmpdir(), 'hf-defaults-'))
const kafka = await startBroker({ portFrom: PORT })
try {
  await createTopics(kafka.bootstrap, 3)
  const { acknowledgedPerSecond, window } = await measureMqtt(dir, kafka.bootstrap)
  console.log(
    `MQTT 3.1.1, window 20 (${window ?? 'not'} learned): ${acknowledgedPerSecond} messages acknowledged a second (expected on an idle machine: 1,500)`,
  )
  const { pollsPerSecond, leftOut } = await measureModbus(dir, kafka.bootstrap)
  console.log(`Modbus at 50 ms: ${pollsPerSecond} polls a second, left out: ${JSON.stringify(leftOut)} (expected: 20, none)`)
} finally {
  await kafka.down()
  rmSync(dir, { recursive: true, force: true })
}
