import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import modbus from 'modbus-serial'
import { describe, expect, test } from 'vitest'
import type { PlantPlan } from '../../src/plant/plan.ts'
import { signalsOf } from '../../src/plant/plan.ts'
import { plantCommand } from '../../src/plant/command.ts'
import { demoPlan, evenPlan, loadPlan, PROTOCOLS } from '../../src/plant/presets.ts'
import { plantSettings } from '../../src/plant/settings-yaml.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { parseSettings } from '../../src/settings/read.ts'
import { freePort, plantOf, temporaryDir, until } from './helpers.ts'

const ENDPOINTS = { opcua: 'opc.tcp://127.0.0.1:4840', mqttUrl: 'mqtt://127.0.0.1:1883' }
const secrets = { get: () => 'secret' }

function check(plan: PlantPlan, opcuaUser?: string) {
  const ports = plan.devices.filter((it) => it.protocol === 'modbus').map((it, i) => [it.name, 5020 + i] as const)
  const text = plantSettings(
    plan,
    { ...ENDPOINTS, modbusPorts: Object.fromEntries(ports) },
    { brokers: ['127.0.0.1:9092'], ...(opcuaUser && { opcuaUser }) },
  )
  return parseSettings(text, 'settings.yaml', { schemas: settingsSchemas, secrets, deviceId: 'hf-1' } as unknown as Parameters<
    typeof parseSettings
  >[2])
}

/** All tags that the settings ask for. */
function tagsIn(settings: ReturnType<typeof check>['settings']): string[] {
  return settings.sources.flatMap((it) => {
    const rows = (it.settings as { tags?: { tag: string; count?: number }[] }).tags ?? []
    return rows.flatMap((row) => Array.from({ length: row.count ?? 1 }, (_, n) => row.tag.replaceAll('{n}', String(n))))
  })
}

describe('the settings of a gateway for a plant', () => {
  test.each([
    ['demo', demoPlan(1)],
    ['load', loadPlan(1)],
    ['even', evenPlan(1, 500, 5, PROTOCOLS)],
    ['one device of one register', loadPlan(1, { opcuaItems: 1, modbusDevices: 1, modbusRegisters: 3, mqttSensors: 1 })],
  ])('%s: pass the check, all in force, and name every signal', (_, plan) => {
    const { settings, notInForce } = check(plan)
    expect(notInForce).toEqual([])
    const wanted = plan.devices.flatMap((device) => [
      ...(device.protocol === 'mqtt' ? [] : signalsOf(device).map((it) => it.tag)),
      ...(device.protocol === 'modbus' ? [device.counterTag] : []),
    ])
    expect(tagsIn(settings).toSorted()).toEqual(wanted.toSorted())
    expect(settings.sources.length).toBe(plan.devices.length)
  })

  test('secured, when there is a user', () => {
    const source = check(demoPlan(1), 'gateway').settings.sources.find((it) => it.protocol === 'opcua')
    expect(source?.settings).toMatchObject({ security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', user: 'gateway' } })
  })

  test('topics fit the subscription, tags follow from it', () => {
    for (const plan of [demoPlan(1), loadPlan(1)]) {
      for (const device of plan.devices) {
        if (device.protocol !== 'mqtt') continue
        const prefix = device.subscribe.tag.replace('/{line}/{sensor}', '')
        for (const signal of signalsOf(device)) expect(signal.tag).toBe(signal.at.replace(/^plant/, prefix))
      }
    }
  })
})

describe('presets', () => {
  test('have the sizes they promise', () => {
    const count = (plan: PlantPlan, protocol: string) =>
      plan.devices.filter((it) => it.protocol === protocol).flatMap(signalsOf).length
    const load = loadPlan(1)
    expect([count(load, 'opcua'), count(load, 'modbus'), count(load, 'mqtt')]).toEqual([1000, 9800, 500])
    expect(load.devices.filter((it) => it.protocol === 'modbus').length).toBe(100)
    const demo = demoPlan(1)
    const tags = demo.devices.flatMap(signalsOf).length + 2
    expect(tags).toBeGreaterThan(45)
    expect(tags).toBeLessThan(70)
    const even = evenPlan(1, 90, 2, ['opcua', 'modbus', 'mqtt'])
    expect([count(even, 'opcua'), count(even, 'modbus') + 1, count(even, 'mqtt')]).toEqual([30, 30, 30])
    expect(evenPlan(1, 10, 1, ['mqtt']).devices.map((it) => it.protocol)).toEqual(['mqtt'])
    for (const plan of [load, demo, even]) {
      const all = plan.devices.flatMap(signalsOf).map((it) => it.tag)
      expect(new Set(all).size).toBe(all.length)
    }
  })
})

/** A context that keeps what is printed. */
function context(topics: Readonly<Record<string, readonly object[]>> = {}) {
  const lines: string[] = []
  const readTopic = async (_: readonly string[], topic: string, visit: (json: unknown) => void) =>
    topics[topic]?.forEach((row) => visit(row))
  return { lines, print: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line), readTopic }
}

const live = () => new AbortController()

describe('holdfast plant', () => {
  test('serves, writes settings, takes a fault, and its verify reads the topics', async () => {
    await using at = await temporaryDir()
    const port = await freePort()
    const stop = live()
    const serving = context()
    const file = join(at.dir, 'settings.yaml')
    const where = ['--dir', at.dir]
    const done = plantCommand(
      [
        '--protocols',
        'modbus',
        '--tags',
        '5',
        '--rate',
        '1',
        '--modbus-port',
        String(port),
        '--settings',
        file,
        '--brokers',
        'localhost:9092',
        ...where,
      ],
      stop.signal,
      serving,
    )
    await until('announcement', () => serving.lines.some((it) => it.startsWith('faults')))
    const reader = new modbus.default()
    await reader.connectTCP('127.0.0.1', { port })
    reader.setID(1)
    const { data } = await reader.readHoldingRegisters(0, 6)

    const breaking = context()
    expect(await plantCommand(['fault', 'modbus-1', 'wrong', '--how', 'exception', ...where], live().signal, breaking)).toBe(0)
    expect(breaking.lines).toEqual(['modbus-1: wrong'])
    await expect(reader.readHoldingRegisters(0, 6)).rejects.toMatchObject({ modbusCode: 4 })
    await expect(plantCommand(['fault', 'nowhere', 'stop', ...where], live().signal, breaking)).rejects.toThrow(
      /there are modbus-1/,
    )
    reader.destroy(() => {})
    stop.abort()
    expect(await done).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('protocol: modbus-tcp')

    const base = { device: 'hf', epoch: 'e', class: 'process', ts: Date.now() * 1000, quality: 'good' }
    const rows = [
      { ...base, seq: 0, tag: 'modbus-1/count', value_long: 1 },
      ...[0, 1, 2, 3].map((k) => ({ ...base, seq: k + 1, tag: `modbus-1/r${k}`, value_long: data[k + 2] })),
    ]
    const verify = async (list: readonly object[], more: readonly string[] = []) => {
      const it = context({ 'holdfast.telemetry.v1': list })
      const code = await plantCommand(['verify', '--brokers', 'x:1', ...more, ...where], live().signal, it)
      return { code, lines: it.lines }
    }
    expect((await verify(rows)).code).toBe(0)
    expect((await verify([...rows, rows[2] as object])).code).toBe(1)
    // The last one is gone with its sequence: before the log, unless strict.
    expect((await verify(rows.slice(0, -1))).code).toBe(0)
    expect((await verify(rows.slice(0, -1), ['--strict'])).code).toBe(1)
    const json = await verify(rows, ['--json'])
    expect(json.lines.length).toBe(1)
    expect(JSON.parse(json.lines[0] as string)).toMatchObject({ ok: true, served: 5, found: 5 })
  })

  test('wrong usage is told', async () => {
    const run = (...args: string[]) => plantCommand(args, live().signal, context())
    await expect(run('--nonsense')).rejects.toThrow(/nonsense/)
    await expect(run('paint')).rejects.toThrow(/no such use/)
    await expect(run('--preset', 'huge')).rejects.toThrow(/demo or load/)
    await expect(run('--tags', 'many')).rejects.toThrow(/whole number/)
    await expect(run('--protocols', 'profibus')).rejects.toThrow(/none of opcua/)
    await expect(run('verify')).rejects.toThrow(/--brokers/)
    await expect(run('fault', 'x', 'burn')).rejects.toThrow(/one of none, stop/)
    await expect(run('fault', 'x', 'stop', '--dir', '/nonexistent')).rejects.toMatchObject({ name: 'Unreachable' })
  })

  test('the control socket answers everything, and takes nothing it cannot use', async () => {
    await using at = await temporaryDir()
    const plan = loadPlan(1, { opcuaItems: 0, mqttSensors: 0, modbusDevices: 1 })
    await using plant = await plantOf({ plan, dir: at.dir, modbus: { port: 0 } })
    const ask = (method: string, path: string, body = '') =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const out = request({ socketPath: plant.controlPath, method, path }, (response) => {
          let text = ''
          response.on('data', (part) => (text += String(part)))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        })
        out.on('error', reject)
        out.end(body)
      })
    expect(JSON.parse((await ask('GET', '/')).text)).toEqual({
      devices: [{ name: 'modbus-1', protocol: 'modbus', fault: { kind: 'none' }, served: 0 }],
    })
    for (const body of [
      '',
      'x',
      '[]',
      '{"device":"modbus-1","kind":"burn"}',
      '{"device":"no","kind":"stop"}',
      '{"device":"modbus-1","kind":"slow","delayMs":-1}',
    ]) {
      expect((await ask('POST', '/fault', body)).status).toBe(400)
    }
    expect((await ask('PUT', '/', '{}')).status).toBe(400)
    expect((await ask('POST', '/fault', '{"device":"modbus-1","kind":"slow","delayMs":5}')).status).toBe(200)
    expect(JSON.parse((await ask('GET', '/')).text)).toMatchObject({ devices: [{ fault: { kind: 'slow', delayMs: 5 } }] })
  })
})
