// The parts that a run is judged by must themselves be right.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { commandOf, endLeftOver, startChild } from './child.ts'
import { cpuSecondsOf, familyOf, pssOf, slopeOf } from './processes.ts'
import { openCable } from './proxy.ts'

const dir = mkdtempSync(join(tmpdir(), 'holdfast-run-'))
const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const it of cleaning.splice(0).toReversed()) await it()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('least squares finds the slope of a noisy line', () => {
  const points = Array.from({ length: 200 }, (_, second) => ({
    second,
    value: 5000 + 12 * second + (second % 2 === 0 ? 40 : -40),
  }))
  expect(slopeOf(points)).toBeCloseTo(12, 1)
  expect(slopeOf([{ second: 1, value: 7 }])).toBe(0)
})

test('a process and its children are found and measured', async () => {
  const parent = spawn('bash', ['-c', 'sleep 30 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [output] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = Number(output.toString())
  cleaning.push(
    () => process.kill(child),
    () => parent.kill(),
  )
  expect(familyOf(parent.pid ?? 0).toSorted()).toEqual([parent.pid, child].toSorted())
  expect(pssOf([parent.pid ?? 0, child])).toBeGreaterThan(100_000)
  expect(cpuSecondsOf([process.pid])).toBeGreaterThan(0)
  expect(pssOf([2 ** 22 + 1])).toBeUndefined()
})

test('a child is ended by its id; what is left over only when it still is that program', async () => {
  const child = startChild(dir, 'sleeper', 'sleep', ['41'])
  expect(Number(readFileSync(join(dir, 'sleeper.pid'), 'utf8'))).toBe(child.pid)
  await endLeftOver(dir, 'sleeper', 'another program')
  expect(child.isRunning()).toBe(true)
  writeFileSync(join(dir, 'sleeper.pid'), `${child.pid}\n`)
  await endLeftOver(dir, 'sleeper', 'sleep')
  expect(await child.ended).toBe('SIGTERM')
  expect(commandOf(child.pid)).toBe('')
})

test('a program that is not there ends with the reason', async () => {
  const child = startChild(dir, 'nothing', join(dir, 'no-such-program'), [])
  expect(await child.ended).toContain('ENOENT')
  expect(child.isRunning()).toBe(false)
})

test('the cable passes bytes on; cut, it drops what is there and refuses what comes, until it is plugged in again', async () => {
  const far = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(far, 'listening')
  const near = createServer().listen(0, '127.0.0.1')
  await once(near, 'listening')
  const port = (near.address() as AddressInfo).port
  await new Promise((resolve) => near.close(resolve))
  const cable = await openCable(port, (far.address() as AddressInfo).port)
  cleaning.push(
    () => far.close(),
    () => cable.close(),
  )

  const first = await echoed(port, 'one')
  expect(first.text).toBe('one')
  const dropped = once(first.socket, 'close')
  cable.cut()
  await dropped
  await expect(echoed(port, 'two')).rejects.toThrow()
  cable.restore()
  const third = await echoed(port, 'three')
  expect(third.text).toBe('three')
  third.socket.destroy()
})

async function echoed(port: number, text: string): Promise<{ socket: Socket; text: string }> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const answer = await Promise.race([
    once(socket, 'data').then(([data]) => String(data)),
    once(socket, 'close').then(() => {
      throw new Error('closed')
    }),
  ])
  socket.on('error', () => undefined)
  return { socket, text: answer }
}
