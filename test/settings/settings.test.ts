import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from '../prove/fast-check.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { BadInput } from '../../src/core/errors.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { deviceIdentity } from '../../src/settings/identity.ts'
import { settingsJsonSchema } from '../../src/settings/json-schema.ts'
import type { CheckedSettings, SettingsContext } from '../../src/settings/read.ts'
import { checkText, parseSettings, readSettings, readValues } from '../../src/settings/read.ts'
import { openSecrets } from '../../src/settings/secrets.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const EXAMPLE = readFileSync(join(HERE, 'product-example.yaml'), 'utf8')

function context(changes: Partial<SettingsContext> = {}): SettingsContext {
  return {
    schemas: settingsSchemas,
    secrets: { get: (name) => (name === 'no-such' ? undefined : `canary-${name}`) },
    deviceId: 'hf-1',
    values: { id: 'hf:9', disk: '1MB', site: 'plant-1' },
    ...changes,
  }
}

function problemsOf(text: string, changes: Partial<SettingsContext> = {}): string[] {
  try {
    parseSettings(text, 's.yaml', context(changes))
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
    return (error as BadInput).problems.map((it) => `${it.where}: ${it.text}${it.remedy ? ` → ${it.remedy}` : ''}`)
  }
}

const parse = (text: string, changes: Partial<SettingsContext> = {}): CheckedSettings =>
  parseSettings(text, 's.yaml', context(changes))

describe('wrong files', async () => {
  const names = (await readdir(join(HERE, 'cases'))).filter((it) => it.endsWith('.input')).map((it) => it.slice(0, -6))
  test.each(names)('%s: every problem with its place', async (name) => {
    const text = await readFile(join(HERE, 'cases', `${name}.input`), 'utf8')
    const expected = await readFile(join(HERE, 'cases', `${name}.expected`), 'utf8')
    const found = problemsOf(text)
    expect(found.length).toBeGreaterThan(0)
    expect(found).toEqual(expected.trimEnd().split('\n'))
    expect(found.join('\n')).not.toContain('canary')
  })
})

describe("the product's example", () => {
  test('is taken as it stands, units gone, secrets in place', () => {
    const { settings, issues } = parse(EXAMPLE)
    expect(issues).toEqual([])
    expect(settings.device).toEqual({ id: 'hf-7f3a', site: 'plant-1' })
    expect(settings.log).toEqual({
      bytesMax: 2e9,
      commitEveryMs: 250,
      commitEveryMinMs: 5,
      commitBytes: 64_000,
      keepDeliveredMs: 0,
    })
    expect(settings.classes[1]).toEqual({ name: 'alarm', floorBytes: 1e8, commitEveryMs: 50, whenFull: 'reduce', ladder: [] })
    expect(settings.classes[0]).toMatchObject({ name: 'sale', whenFull: 'wait', ladder: [] })
    expect(settings.classes[2]?.ladder).toEqual([
      { offlineForMs: 604_800_000, keep: { windowMs: 10_000 } },
      { offlineForMs: 2_592_000_000, keep: { windowMs: 300_000 } },
      { filledTo: 0.8, keep: { windowMs: 60_000 } },
    ])
    expect(settings.classes[3]?.ladder).toEqual([
      { offlineForMs: 86_400_000, keep: 'nothing' },
      { filledTo: 0.5, keep: 'nothing' },
    ])
    expect(settings.sources.map((it) => [it.name, it.protocol])).toEqual([
      ['press-3', 'modbus-tcp'],
      ['line-1', 'opcua'],
      ['hall-broker', 'mqtt'],
    ])
    expect(settings.sources[2]?.settings).toMatchObject({ url: 'mqtts://10.20.1.60:8883', password: 'canary-hall-broker' })
    expect(settings.uplinks[0]).toMatchObject({ name: 'cloud', kind: 'kafka', liveShare: 0.3 })
    expect(settings.uplinks[0]?.settings).toMatchObject({ sasl: { password: 'canary-cloud' } })
    expect(settings.delivery).toEqual({ sale: 'all-uplinks', alarm: 'all-uplinks', process: 'any-uplink', debug: ['cloud'] })
  })

  test('what is not in force is listed with its line', () => {
    const lines = EXAMPLE.split('\n')
    const { notInForce } = parse(EXAMPLE)
    expect(notInForce.map((it) => it.path)).toEqual(['network', 'time'])
    for (const it of notInForce) expect(lines[it.line - 1]).toContain(it.path.split('.').at(-1))
  })
})

describe('defaults', () => {
  test('a file of one line', () => {
    const { settings, notInForce } = parse('version: 1\n')
    expect(notInForce).toEqual([])
    expect(settings).toEqual({
      device: { id: 'hf-1', site: '' },
      failoverAfterMs: 10_000,
      notify: [],
      log: { bytesMax: 1e9, commitEveryMs: 250, commitEveryMinMs: 5, commitBytes: 64_000, keepDeliveredMs: 0 },
      classes: [{ name: 'default', floorBytes: 0, commitEveryMs: 250, whenFull: 'reduce', ladder: [] }],
      sources: [],
      rules: [],
      uplinks: [],
      delivery: { default: 'all-uplinks' },
    })
  })
  test("a class without commitEvery has the log's", () => {
    expect(parse('version: 1\nlog: { commitEvery: 1s }\n').settings.classes[0]?.commitEveryMs).toBe(1_000)
  })
})

describe('report by exception', () => {
  test('is taken beside the keys of any protocol, shares made absolute', () => {
    const tag = '{ tag: a, register: "holding:1", type: int16, class: default }'
    const rules = '[{ tags: "a/*", deadband: 2%, range: [-50, 50], atMost: 1s, atLeast: 10m }, { swingingDoor: 0.5 }]'
    const source = `{ name: a, protocol: modbus-tcp, host: h, every: 1s, tags: [${tag}], report: ${rules} }`
    expect(parse(`version: 1\nsources: [${source}]\n`).settings.sources[0]?.report).toEqual([
      { tags: 'a/*', deadband: 2, atMostMs: 1_000, atLeastMs: 600_000 },
      { tags: '*', swingingDoor: 0.5 },
    ])
  })
})

describe('not in force', () => {
  const uplink = (name: string) => `  - { name: ${name}, kafka: { brokers: ["k:9092"], insecure: "test bench" } }\n`
  test.each([
    ['delivery: { default: any-uplink }', 1, []],
    ['delivery: { default: any-uplink }', 2, []],
    ['delivery: { default: [one] }', 1, []],
    ['delivery: { default: [one] }', 2, []],
    ['delivery: { default: [one, two] }', 2, []],
    ['delivery: { default: none }', 1, []],
    ['delivery: { default: all-uplinks }', 2, []],
    ['classes: [{ name: default, whenFull: wait }]', 1, []],
    ['classes: [{ name: default, ladder: [{ filledTo: 50%, keep: nothing }] }]', 1, []],
  ])('%s with %i uplinks', (line, uplinks, paths) => {
    const text = `version: 1\n${line}\nuplinks:\n${['one', 'two'].slice(0, uplinks).map(uplink).join('')}`
    const { settings, notInForce } = parse(text)
    expect(notInForce.map((it) => it.path)).toEqual(paths)
    expect(settings.sources).toEqual([])
  })
  test('blocks, and Avro with a schema registry', () => {
    const avro = '{ avro: { registry: "http://r:8081/base", user: me, password: { secret: r }, insecure: "test bench" } }'
    const kafka = '{ brokers: ["k:9092"], insecure: "test bench" }'
    const text = `version: 1\nuplinks: [{ name: one, kafka: ${kafka}, records: blocks, encoding: ${avro} }]\n`
    const { settings, notInForce, issues } = parse(text)
    expect(notInForce).toEqual([])
    expect(settings.uplinks[0]).toMatchObject({
      records: 'blocks',
      encoding: { format: 'avro', registry: 'http://r:8081/base', user: 'me', password: 'canary-r' },
    })
    expect(issues).toHaveLength(2)
  })
  test('an uplink that was told to do with less than exactly once is an issue', () => {
    const weaker = uplink('one').replace('insecure:', 'guarantee: at-least-once, insecure:')
    expect(weaker).toContain('at-least-once')
    const { issues } = parse(`version: 1\nuplinks:\n${weaker}`)
    expect(issues.map((it) => it.code)).toEqual(['uplink-insecure', 'uplink-at-least-once'])
  })
  test('links without protection are issues with the reason', () => {
    const { issues } = parse(`version: 1\nuplinks:\n${uplink('one')}`)
    expect(issues).toMatchObject([
      { code: 'uplink-insecure', severity: 'warning', text: 'uplink one is not protected: test bench' },
    ])
  })
})

describe('variables', () => {
  test('stand for anything, anywhere', () => {
    const text = 'version: 1\ndevice: { id: { var: id }, site: { var: site } }\nclasses: { var: classes }\n'
    const values = readValues('id: hf-2\nsite: plant-2\nclasses: [{ name: a }, { name: b }]\n', 'values.yaml')
    const { settings } = parse(text, { values })
    expect(settings.device).toEqual({ id: 'hf-2', site: 'plant-2' })
    expect(settings.classes.map((it) => it.name)).toEqual(['a', 'b'])
  })
  test('a wrong value is shown where the variable stands', () => {
    expect(problemsOf('version: 1\nclasses: { var: classes }\n', { values: { classes: [{ name: 'a b' }] } })[0]).toMatch(
      /^s\.yaml:2:10 classes\[0\]\.name: /,
    )
  })
  test('cannot bring a secret in the clear', () => {
    const text = 'version: 1\nupdate: { server: "https://a.example", token: { var: token } }\n'
    expect(problemsOf(text, { values: { token: 'abcdef' } })).toEqual([
      expect.stringContaining('update.token: a secret in the clear'),
    ])
    expect(() => readValues('token: { secret: a }', 'values.yaml')).toThrow(
      /values\.yaml:1:8 token: a secret belongs in the settings file/,
    )
  })
  test.each(['- a', 'a', 'a: [', '{a: 1, a: 2}'])('"%s" is no file of values', (text) => {
    expect(() => readValues(text, 'values.yaml')).toThrow(BadInput)
  })
})

describe('anchors', () => {
  test('may be used, within bounds', () => {
    expect(parse('version: 1\ndevice: &a { id: hf-2 }\nlog: {}\n').settings.device.id).toBe('hf-2')
    const bomb = ['version: 1', 'device:', '  a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 12; i++)
      bomb.push(
        `  a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect(problemsOf(bomb.join('\n')).join('\n')).toContain('more than 1000000 values once aliases are expanded')
  })
  test('that hold themselves end', () => {
    expect(problemsOf('version: 1\ndevice: &a { id: *a }\n').join('\n')).toContain('nested deeper than 32')
  })
})

describe('never anything but BadInput', () => {
  const words = fc.constantFrom(
    ...'version device log classes sources uplinks name protocol opcua mqtt modbus-tcp tags tag class kafka var secret 1s 1MB __proto__ << * &a'.split(
      ' ',
    ),
  )
  const leaf = fc.oneof(words, fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(words, tie('tree'), { maxKeys: 6 }),
    ),
  }))
  const file = fc.record(
    {
      version: fc.oneof(fc.constant(1), leaf),
      device: tree,
      log: tree,
      classes: tree,
      sources: tree,
      uplinks: tree,
      delivery: tree,
      network: tree,
    },
    { requiredKeys: ['version'] },
  )
  const holds = (text: string): void => {
    try {
      parse(text)
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      for (const it of error.problems) expect(it.where).toMatch(/^s\.yaml:\d+:\d+/)
    }
  }
  test('of any text', () => fc.assert(fc.property(fc.string({ maxLength: 200 }), holds), { numRuns: 300 }))
  test('of any tree', () =>
    fc.assert(
      fc.property(file, (it) => holds(stringify(it))),
      { numRuns: 500 },
    ))
  test('of the example with a piece taken out or put in', () => {
    const edit = fc.tuple(
      fc.nat(EXAMPLE.length),
      fc.nat(40),
      fc.oneof(fc.string({ maxLength: 10 }), fc.constantFrom('{', '}', '[', ': ', '\n', '&a ', '*a', '!!x ', '- ')),
    )
    fc.assert(
      fc.property(edit, ([at, length, put]) => holds(EXAMPLE.slice(0, at) + put + EXAMPLE.slice(at + length))),
      { numRuns: 400 },
    )
  })
  test('of ten thousand open brackets, and of a long text', () => {
    holds(`version: ${'['.repeat(10_000)}`)
    holds(`version: ${'{a: '.repeat(10_000)}`)
    holds(`version: 1\n#${'x'.repeat(9_000_000)}`)
  })
})

describe('the JSON Schema', () => {
  const schema = settingsJsonSchema(settingsSchemas) as { properties: Record<string, unknown>; $defs: object }
  test('has every key of the example, and refuses others', () => {
    const keys = EXAMPLE.split('\n').flatMap((it) => /^([a-zA-Z]+):/.exec(it)?.[1] ?? [])
    expect(keys.length).toBeGreaterThan(10)
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(keys))
    expect(schema).toHaveProperty('additionalProperties', false)
    expect(Object.keys(schema.$defs)).toEqual(['var', 'secret'])
  })
  test('names each protocol with its own keys', () => {
    const text = JSON.stringify(schema.properties.sources)
    for (const key of ['modbus-tcp', 'modbus-rtu', 'opcua', 'mqtt', 'register', 'endpoint', 'subscribe'])
      expect(text).toContain(`"${key}"`)
    expect(text).not.toContain('sourceHead')
  })
})

describe('that ran under a version before', () => {
  const again = async (text: string, secrets: SettingsContext['secrets'] = { get: () => 'canary' }) =>
    checkText(text, 's.yaml', { schemas: settingsSchemas, secrets, deviceId: 'hf-1', ranBefore: true })
  const gist = ({ settings, issues }: CheckedSettings) => ({
    sources: settings.sources.map((it) => it.name),
    notify: settings.notify.map((it) => it.name),
    issues: issues.map((it) => `${it.code} ${it.severity}: ${it.text}`),
  })
  const PORTS = 'network: { ports: [{ interface: eth1, zone: plant, open: [8460] }] }\n'

  test('run with what has no effect, and say so', async () => {
    expect(problemsOf(`version: 1\n${PORTS}`)).toHaveLength(1)
    const found = await again(`version: 1\nlog: { bytesMax: 32MB }\nclasses: [{ name: a, floor: 30MB }]\n${PORTS}`)
    expect(gist(found).issues).toEqual([
      'settings-outdated warning: network.ports[0].open: has no effect on a port without an address: nothing opens there',
      'settings-outdated warning: classes[0].floor: the floors of all classes are 30 MB; allowed are 80 % of log.bytesMax: 25 MB',
    ])
    expect(found.settings.classes[0]?.floorBytes).toBe(30e6)
  })

  const file = (name: string, more = '') =>
    `  - { name: ${name}, protocol: files, path: /in, format: csv, time: time, ${more} tags: [{ tag: ${name}/t, column: v, class: default }] }\n`
  const LIST = `version: 1\nsources:\n${file('a')}${file('b', 'colour: red,')}${file('c', 'every: { secret: pace },')}${file('d')}`

  test('run without sources, rules and notifiers that are wrong now, and without who asks for those', async () => {
    const rules = 'rules: [{ name: hot, reads: { classes: [default] }, when: ">>", yields: { class: default } }]\n'
    const notify = 'notify: [{ name: shift, on: { rules: [hot] }, webhook: { url: "https://x.example/" } }]\n'
    const found = await again(
      `${LIST}${rules}${notify}network: { ports: [{ interface: eth1, zone: plant }, { interface: eth2, zone: field }] }\n`,
    )
    expect(gist(found)).toMatchObject({ sources: ['a', 'd'], notify: [] })
    expect(found.system.ports).toEqual([])
    const left = found.issues.map(({ leftOut: it }) => `${it?.kind} ${it?.name} ${it?.path}`).toSorted()
    expect(left).toEqual([
      'notifier shift notify[0]',
      'port eth2 network.ports[1].zone',
      'rule hot rules[0].when',
      'source b sources[1].colour',
      'source c sources[2].every',
    ])
    expect(found.settings.rules).toEqual([])
    // Both are those of the whole text: the secret is needed as soon as the source is right again.
    expect(found.secrets).toEqual([{ name: 'pace', path: 'sources[2].every' }])
    expect(found.notInForce.map((it) => it.line)).toEqual([9])
    expect(JSON.stringify(found.issues)).not.toContain('canary')
  })

  test('lose no other entry where an alias leads back before one, and name what an alias stands for', async () => {
    const first = `  - { name: a, protocol: files, path: /in, format: csv, time: &c clock, tags: &t [{ tag: a/t, column: v, class: default }] }\n`
    const aliased = '  - { name: *c, protocol: modbus-tcp, host: h, unit: 1, every: 1s, tags: *t }\n'
    const found = await again(`version: 1\nsources:\n${first}${file('b', 'colour: red,')}${aliased}${file('d')}`)
    expect(gist(found).sources).toEqual(['a', 'd'])
    const left = found.issues.map(({ leftOut: it }) => `${it?.kind} ${it?.name}`).toSorted()
    expect(left).toEqual(['source b', 'source clock'])
    const secret = await again(`version: 1\nsources:\n${file('b', 'colour: red,').replace('name: b', 'name: { secret: who }')}`)
    expect(secret.issues.map((it) => it.text)).toEqual([expect.stringMatching(/^source sources\[0\] is left out/)])
  })

  test('are refused as a whole where that does not help: each problem of the text is named', async () => {
    const uplinks = 'uplinks: [{ name: cloud, kafka: { brokers: [] } }]\n'
    const said = /sources\[1\]\.colour.*sources\[2\]\.every.*uplinks\[0\]\.kafka\.brokers/s
    await expect(again(`${LIST}${uplinks}`)).rejects.toThrow(said)
    const anchored = `version: 1\nsources:\n${file('a', 'colour: &c red,')}rules: *c\n`
    await expect(again(anchored)).rejects.toThrow(/colour/)
  })
})

describe('on disk', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hf-settings-'))
  })
  afterAll(() => rm(dir, { recursive: true }))
  const read = (file: string) =>
    readSettings(join(dir, file), { schemas: settingsSchemas, secrets: { get: () => undefined }, deviceId: 'hf-1' })

  test('a file is read with its values', async () => {
    await writeFile(join(dir, 'a.yaml'), '\ufeffversion: 1\ndevice: { id: { var: id } }\n')
    await writeFile(join(dir, 'values.yaml'), 'id: hf-3\n')
    const options = {
      schemas: settingsSchemas,
      secrets: { get: () => undefined },
      deviceId: 'hf-1',
      valuesFile: join(dir, 'values.yaml'),
    }
    expect((await readSettings(join(dir, 'a.yaml'), options)).settings.device.id).toBe('hf-3')
  })
  test('a file that is absent, a folder or no UTF-8 is named', async () => {
    await writeFile(join(dir, 'latin.yaml'), Buffer.from([0x61, 0xe4, 0x62]))
    await expect(read('none.yaml')).rejects.toThrow(/none\.yaml: cannot be read: ENOENT/)
    await expect(read('')).rejects.toThrow(/cannot be read: EISDIR/)
    await expect(read('latin.yaml')).rejects.toThrow(/not a text in UTF-8/)
  })
  test('secrets come from the store, then from the environment', async () => {
    const env = { HOLDFAST_SECRET_LINE_1: 'from-env', HOLDFAST_SECRET_OTHER: 'other' }
    expect((await openSecrets(dir, env)).get('line-1')).toBe('from-env')
    await writeFile(join(dir, 'secrets.json'), '{"line-1":"from-store"}', { mode: 0o600 })
    const store = await openSecrets(dir, env)
    expect([store.get('line-1'), store.get('other'), store.get('toString'), store.get('none')]).toEqual([
      'from-store',
      'other',
      undefined,
      undefined,
    ])
  })
  test('a store that others may read, or that is broken, is refused without showing it', async () => {
    await chmod(join(dir, 'secrets.json'), 0o644)
    await expect(openSecrets(dir, {})).rejects.toThrow(/others than its owner/)
    await chmod(join(dir, 'secrets.json'), 0o600)
    await writeFile(join(dir, 'secrets.json'), '{"line-1": hunter2}')
    const error = await openSecrets(dir, {}).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(BadInput)
    expect(String(error)).not.toContain('hunter2')
  })
  test('an identity is one, however many begin at the same time', async () => {
    const data = join(dir, 'data-of-many')
    const drawn = await Promise.all(Array.from({ length: 8 }, () => deviceIdentity(data)))
    expect(new Set(drawn).size).toBe(1)
    expect(await readdir(data)).toEqual(['identity.json'])
  })

  test('an identity is drawn once and kept', async () => {
    const id = await deviceIdentity(join(dir, 'data'))
    expect(id).toMatch(/^hf-[0-9a-f]{12}$/)
    expect(await deviceIdentity(join(dir, 'data'))).toBe(id)
    expect(await deviceIdentity(join(dir, 'data-2'))).not.toBe(id)
    expect((await stat(join(dir, 'data', 'identity.json'))).isFile()).toBe(true)
    await writeFile(join(dir, 'data', 'identity.json'), '{"id":"a:b"}')
    await expect(deviceIdentity(join(dir, 'data'))).rejects.toThrow(BadInput)
  })
})
