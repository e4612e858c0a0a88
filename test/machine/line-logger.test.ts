import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect, test } from 'vitest'
import type { Logger } from '../../src/core/source.ts'
import { lineLogger, writeAll } from '../../src/machine/line-logger.ts'

const OPTIONS = { base: { name: 'agent' }, formatters: { level: (label: string) => ({ level: label }) }, timestamp: false }

/** The lines of a file as they are read again, without their times. */
function linesOf(file: string): Record<string, unknown>[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((it) => ({ ...(JSON.parse(it) as Record<string, unknown>), time: undefined }))
}

test('a line is what pino makes of it, as far as journals and people read it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-lines-'))
  const [ours, theirs] = [join(dir, 'ours'), join(dir, 'theirs')]
  const file = openSync(ours, 'w')
  const say = (log: Logger) => {
    log.debug({}, 'not said')
    log.info({ device: 'a', n: 1, none: undefined, nested: { at: [1, null] } }, 'with "fields"\nand lines')
    const error = Object.assign(new RangeError('far', { cause: new Error('farther') }), { code: 'too-far' })
    log.error({ err: error }, 'with an error')
  }
  try {
    say(lineLogger('agent', 'info', (line) => writeAll(file, line)))
    say(pino({ ...OPTIONS, level: 'info' }, pino.destination({ dest: theirs, sync: true })))
    expect(linesOf(ours).map(withoutStack)).toEqual(linesOf(theirs).map(withoutStack))
    const [, { err }] = linesOf(ours) as [unknown, { err: { stack: string } }]
    expect(err.stack).toMatch(/RangeError: far[\s\S]*caused by: Error: farther/)
  } finally {
    closeSync(file)
    rmSync(dir, { recursive: true })
  }
})

function withoutStack(line: Record<string, unknown>) {
  return { ...line, err: line['err'] && { ...(line['err'] as object), stack: undefined } }
}

test('what JSON cannot say costs its field and not the line, and a level that is none is refused', () => {
  const lines: string[] = []
  const log = lineLogger('agent', 'warn', (line) => void lines.push(line))
  const round: { self?: object } = {}
  round.self = round
  log.info({}, 'not said')
  log.warn({ round, big: 1n, good: true }, 'said')
  expect(lines.map((it) => JSON.parse(it))).toMatchObject([
    { level: 'warn', round: '[not JSON]', big: '1', good: true, msg: 'said' },
  ])
  expect(() => lineLogger('agent', 'loud', () => {})).toThrow('there is no level loud')
})

test('nobody who reads any more ends nothing', () => {
  expect(() => writeAll(1_000_000, 'x')).not.toThrow()
})
