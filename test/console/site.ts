// A box as a technician finds it: agent, panel and helper as processes, a Modbus device, a Kafka, and an uplink that nobody answers on.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { openAccess } from '../../src/access/index.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { TOPICS } from '../kafka/broker.ts'
import type { Model } from '../kafka-model/server.ts'
import { startModel } from '../kafka-model/server.ts'
import { freePort } from '../plant/helpers.ts'
import type { Site } from '../route/agent.ts'
import { siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'

export const ADMIN = 'anna'
export const TECHNICIAN = 'tom'
export const PASSWORD = 'four words by chance'

export interface Box {
  readonly site: Site
  readonly claimCode: string
  readonly panelPort: number
  startAgent(): Promise<{ end(): Promise<void>; logFile: string }>
  startPanel(): Promise<{ end(): Promise<void> }>
  close(): Promise<void>
}

export async function openBox(): Promise<Box> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-console-'))
  const plan = loadPlan(2, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 4, mqttSensors: 0 })
  mkdirSync(join(dir, 'plant'))
  const plant = await startPlant({ plan, dir: join(dir, 'plant'), modbus: { port: 0 }, failed: () => undefined })
  const model = await startModel({ topics: Object.fromEntries(Object.values(TOPICS).map((it) => [it, 1])) })
  const settings = await settingsText(plant, model)
  const site = siteIn(dir, settings)
  mkdirSync(site.data, { recursive: true })
  const claimCode = await claimed(site.data)
  const panelPort = await freePort()
  return {
    site,
    claimCode,
    panelPort,
    startAgent: () => startAgent(site),
    startPanel: () => startPanel(dir, site.data, panelPort),
    async close() {
      await plant.stop()
      await model.close()
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export async function startPanel(dir: string, data: string, port: number): Promise<Child> {
  const child = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', data, '--listen', `127.0.0.1:${port}`])
  await until('the panel is up', async () => {
    if (!child.isRunning()) throw new Error(`the panel ended: ${lastLines(child.logFile, 5).join('\n')}`)
    return lastLines(child.logFile, 20).join('\n').includes('the panel is up')
  })
  return child
}

/** With an admin and a technician. Resolves with the code that it was claimed with. */
async function claimed(data: string): Promise<string> {
  const access = await openAccess(data)
  const code = access.claimCode() as string
  await access.claim({ code, user: ADMIN, password: PASSWORD }, { address: '10.0.0.1' })
  await access.addUser({ name: TECHNICIAN, role: 'technician', password: PASSWORD }, { by: ADMIN, address: '10.0.0.1' })
  access.close()
  return code
}

async function settingsText(plant: Plant, model: Model): Promise<string> {
  const { modbusPorts = {} } = plant.endpoints
  const recipient = await identityToRecipient(await generateIdentity())
  const tags = [0, 1].map((at) => `{ tag: hall-1/press-3/t${at}, register: "holding:${at}", type: uint16, class: process }`)
  return `version: 1
# The press in hall 1.
device: { id: hf-7f3a, site: plant-1 }
classes: [{ name: process }]
sources:
  - { name: press-3, protocol: modbus-tcp, host: 127.0.0.1, port: ${Object.values(modbusPorts)[0]}, unit: 1, every: 200ms, tags: [${tags.join(', ')}] }
uplinks:
  - { name: cloud, kafka: { brokers: ["127.0.0.1:${model.port}"], insecure: "the test's own network" } }
  - { name: hand, kafka: { brokers: ["127.0.0.1:1"], insecure: "the test's own network" } }
export: { to: [${recipient}], uplink: hand }
`
}

export interface LoopStick {
  readonly device: string
  close(): void
}

/** A stick of 16 MB with ext4 on a loop device; undefined where that is not to be had. */
export function loopStick(dir: string): LoopStick | undefined {
  const image = join(dir, 'stick.img')
  try {
    writeFileSync(image, '')
    execFileSync('truncate', ['-s', '16M', image])
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'ignore' })
    const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
    return { device, close: () => void execFileSync('losetup', ['--detach', device]) }
  } catch {
    return undefined
  }
}
