// A model as it is served, over a process that a test holds in its hand: whatever becomes of that, an ask is answered.
import { expect, test } from 'vitest'
import type { Model } from '../../src/models/model.ts'
import { Refused } from '../../src/models/refused.ts'
import type { ModelProcess } from '../../src/models/served.ts'
import { serveModel } from '../../src/models/served.ts'
import { manifestOf } from './box.ts'

const model: Model = {
  of: { name: 'linear', version: '1', sha256: '00' },
  signedBy: '',
  manifest: manifestOf('linear'),
  onnx: new Uint8Array(),
}

function heldProcess() {
  const ended = Promise.withResolvers<void>()
  let why: Refused | undefined
  let run: ModelProcess['run'] = async () => ({ score: 1 })
  const process: ModelProcess = {
    load: async () => {},
    run: (row) => run(row),
    memory: () => 0,
    kill(because) {
      why ??= because
      ended.resolve()
    },
    killedBy: () => why,
    ended: ended.promise,
  }
  return { process, end: ended.resolve, hang: () => void (run = () => new Promise(() => {})) }
}

const serve = (start: () => ModelProcess) =>
  serveModel({ name: 'linear', memoryBytesMax: 1e9, read: () => model, start, said: () => {} })
const request = { id: 1, model: 'linear', timeoutMs: 10_000, inputs: { a: 1, b: 2 } }

test('asks that wait when the process ends are all told so, and so is the one after', async () => {
  const { process, end, hang } = heldProcess()
  const served = serve(() => process)
  await served.begun
  expect(await served.ask(request)).toMatchObject({ outputs: { score: 1 } })
  hang()
  const waiting = [served.ask(request), served.ask(request)]
  end()
  const after = served.ask(request)
  for (const it of [...waiting, after]) expect(await it).toMatchObject({ code: 'model-died' })
  served.end()
})

test('what cannot be started for whatever reason is said, and tried again', async () => {
  const served = serve(() => {
    throw new Error('ENOSPC: no space left on device, write')
  })
  await served.begun
  expect(served.state()).toMatchObject({ code: 'model-unusable', text: expect.stringContaining('ENOSPC') })
  expect(await served.ask(request)).toMatchObject({ code: 'model-unusable' })
  served.end()
})
