// What is not whole, or signed by somebody else, does not run: neither a model nor the add-on.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownSigningKey } from '../../src/airgap/keys.ts'
import { readKeyring, unpackAddon } from '../../src/models/addon.ts'
import { open, seal } from '../../src/models/container.ts'
import { listedModel, modelFile, modelNames, remembered } from '../../src/models/files.ts'
import { openModel } from '../../src/models/model.ts'
import { Refused } from '../../src/models/refused.ts'
import { keyIn, layModel, manifestOf, onnxOf, sealed } from './box.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-signed-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const keys = () => [keyIn(dir).public]
const file = () => sealed(dir, onnxOf('linear'), manifestOf('linear', '3'))

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
  return 'taken'
}

test('a whole one is what was signed', () => {
  const { of, manifest, onnx, signedBy } = openModel(file(), keys(), 'linear')
  expect(of).toMatchObject({ name: 'linear', version: '3', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(manifest).toEqual(manifestOf('linear', '3'))
  expect(Buffer.from(onnx)).toEqual(onnxOf('linear'))
  expect(signedBy).toBe(keys()[0])
})

test('no byte can be another, none can be lacking, none can follow', () => {
  const whole = file()
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] as number) ^ (1 << (at % 8))
    expect(['model-damaged', 'model-foreign'], `byte ${at}`).toContain(codeOf(() => openModel(changed, keys())))
    expect(
      codeOf(() => openModel(whole.subarray(0, at), keys())),
      `${at} bytes`,
    ).toBe('model-damaged')
  }
  expect(codeOf(() => openModel(Buffer.concat([whole, Buffer.of(0)]), keys()))).toBe('model-damaged')
})

test("another's, another model, an add-on: none runs as this model", () => {
  const stranger = ownSigningKey(join(dir, 'stranger.key'))
  const parts = [{ name: 'model.onnx', bytes: onnxOf('linear') }]
  const foreign = seal({ kind: 'model', ...manifestOf('linear') }, parts, stranger)
  expect(codeOf(() => openModel(foreign, keys(), 'linear'))).toBe('model-foreign')
  // It says that it is signed by a key that is trusted, and is not.
  const pretended = seal({ kind: 'model', ...manifestOf('linear') }, parts, { ...stranger, public: keys()[0] as string })
  expect(codeOf(() => openModel(pretended, keys(), 'linear'))).toBe('model-damaged')
  expect(codeOf(() => openModel(file(), keys(), 'other'))).toBe('model-foreign')
  const addon = seal({ kind: 'addon', name: 'linear', version: '1' }, parts, keyIn(dir))
  expect(codeOf(() => openModel(addon, keys(), 'linear'))).toBe('model-damaged')
})

test('no part leaves the folder that it is unpacked into', () => {
  for (const name of ['../up', '/etc/passwd', 'a/../../up', '.hidden', 'a//b', ''])
    expect(
      codeOf(() =>
        open(seal({ kind: 'addon', name: 'onnx', version: '1' }, [{ name, bytes: Buffer.of(1) }], keyIn(dir)), keys()),
      ),
    ).toBe('model-damaged')
})

test('the add-on is proven each time, and what lay in its folder goes', () => {
  const [data, into] = [join(dir, 'data'), join(dir, 'unpacked')]
  mkdirSync(join(data, 'addons'), { recursive: true })
  const parts = [{ name: 'node_modules/x/index.js', bytes: Buffer.from('it') }]
  const whole = seal({ kind: 'addon', name: 'onnx', version: '9' }, parts, keyIn(dir))
  const place = join(data, 'addons/onnx.addon')
  expect(codeOf(() => unpackAddon(data, keys(), into))).toBe('addon-absent')
  writeFileSync(place, whole)
  mkdirSync(into)
  writeFileSync(join(into, 'old.node'), 'old')
  expect(unpackAddon(data, keys(), into)).toBe('9')
  expect(readFileSync(join(into, 'node_modules/x/index.js'), 'utf8')).toBe('it')
  expect(() => readFileSync(join(into, 'old.node'))).toThrow('ENOENT')
  expect(codeOf(() => unpackAddon(data, [], into))).toBe('model-foreign')
  writeFileSync(place, whole.subarray(0, -1))
  expect(codeOf(() => unpackAddon(data, keys(), into))).toBe('model-damaged')
})

test('a keyring is a list of keys', () => {
  const place = join(dir, 'ring')
  writeFileSync(place, `# ours\n${keys()[0]}  # of the field\n\nnonsense\n`)
  expect(readKeyring(place)).toEqual(keys())
  expect(readKeyring(join(dir, 'none'))).toEqual([])
})

test('the list says of each file what would become of it', () => {
  const data = join(dir, 'listed')
  layModel(dir, data, 'linear', '7')
  writeFileSync(modelFile(data, 'other'), file())
  writeFileSync(modelFile(data, 'rubbish'), 'rubbish')
  writeFileSync(modelFile(data, 'large'), Buffer.alloc(8_000_001))
  expect(modelNames(data).map((it) => listedModel(data, it, keys()))).toMatchObject([
    { name: 'large', code: 'model-too-large' },
    { name: 'linear', version: '7', inputs: ['a', 'b'], outputs: ['score'], signedBy: keys()[0] },
    { name: 'other', code: 'model-foreign' },
    { name: 'rubbish', code: 'model-damaged' },
  ])
  expect(modelNames(join(dir, 'nowhere'))).toEqual([])
})

test('what was found of a file is asked for again when the file is another, or other keys are trusted', () => {
  const place = join(dir, 'remembered')
  const ask = remembered<number>()
  let asked = 0
  const of = (trusted: readonly string[]) => ask(place, trusted, () => ++asked)
  expect([of(['a']), of(['a'])]).toEqual([1, 2])
  writeFileSync(place, 'one')
  expect([of(['a']), of(['a']), of(['b']), of(['b'])]).toEqual([3, 3, 4, 4])
  writeFileSync(`${place}.new`, 'two')
  renameSync(`${place}.new`, place)
  expect([of(['b']), of(['b'])]).toEqual([5, 5])
})
