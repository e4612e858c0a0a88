// The first steps of a test, against servers that are there and none that is.
import { EventEmitter, once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import type { FarEnd } from '../../src/clients/reach.ts'
import { reachSteps, runStep, settled } from '../../src/clients/reach.ts'
import type { TestStep } from '../../src/core/source.ts'

const never = () => new AbortController().signal
const explain = (error: unknown, where: string) => ({
  text: `${where}: ${(error as NodeJS.ErrnoException).code}`,
  remedy: 'look',
})

async function stepsOf(end: FarEnd): Promise<TestStep[]> {
  const steps: TestStep[] = []
  for await (const it of reachSteps(end, explain, never())) steps.push(it)
  return steps
}

test('it ends with the first step that fails: the name, the port, TLS where none is spoken', async () => {
  expect(await stepsOf({ host: 'nobody.invalid', port: 1, tls: undefined })).toEqual([
    { step: 'DNS', ok: false, detail: expect.stringMatching(/^nobody\.invalid:1: E/) as string, remedy: 'look' },
  ])
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).end('220 mail\r\n')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const plain = await stepsOf({ host: '127.0.0.1', port, tls: undefined })
  expect(plain.map(({ step, ok }) => [step, ok])).toEqual([
    ['DNS', true],
    ['TCP', true],
  ])
  const secured = await stepsOf({ host: '127.0.0.1', port, tls: {} })
  expect(secured.map(({ step, ok }) => [step, ok])).toEqual([
    ['DNS', true],
    ['TCP', true],
    ['TLS', false],
  ])
  for (const it of open) it.destroy()
  server.close()
  await once(server, 'close')
  expect((await stepsOf({ host: '127.0.0.1', port, tls: undefined })).at(-1)).toMatchObject({
    step: 'TCP',
    detail: `127.0.0.1:${port}: ECONNREFUSED`,
  })
})

test('a step that was broken off before it began is a line too', async () => {
  const work = () => new Promise<never>(() => {})
  expect(await runStep('DNS', 'x:1', AbortSignal.abort(), explain, work)).toEqual({
    step: 'DNS',
    ok: false,
    detail: 'broken off',
  })
})

test('what fails a second time while it is closed ends nothing', async () => {
  const emitter = new EventEmitter()
  const waiting = settled(emitter, 'connect', never(), 'the broker')
  emitter.emit('error', new Error('first'))
  emitter.emit('error', new Error('second'))
  await expect(waiting).rejects.toThrow('first')
  const closed = settled(emitter, 'connect', never(), 'the broker')
  emitter.emit('close')
  await expect(closed).rejects.toThrow('the broker closed the connection')
})
