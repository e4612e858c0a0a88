// The steps of `sources test`: is there an address, does the device let us in, does it answer, and with what.
import { lookup } from 'node:dns/promises'
import { stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { Unreachable } from '../../core/errors.ts'
import type { SourceContext, TestStep } from '../../core/source.ts'
import { decoderOf, undecodableWord } from './decode.ts'
import { explainException } from './exceptions.ts'
import type { Link, Transport } from './link.ts'
import type { Block } from './plan.ts'
import { planBlocks } from './plan.ts'
import type { Point } from './registers.ts'
import { pointsOf } from './registers.ts'
import type { Polled } from './polled.ts'
import { unitNumbers } from './polled.ts'

const VALUES_SHOWN_MAX = 5

export async function* testHost(host: string): AsyncGenerator<TestStep> {
  if (isIP(host)) return
  try {
    const { address } = await lookup(host)
    yield { step: 'name', ok: true, detail: `${host} is ${address}` }
  } catch (error) {
    yield {
      step: 'name',
      ok: false,
      detail: (error as Error).message,
      remedy: 'check the spelling of host, or use the address itself',
    }
  }
}

/** On a connection of the same kind as a source's, shared with those that have it already. */
export async function* testDevice(
  settings: Polled,
  transport: Transport,
  context: SourceContext,
  signal: AbortSignal,
): AsyncGenerator<TestStep> {
  const { path } = transport.details
  if (typeof path === 'string') yield await testPath(path)
  const links = unitNumbers(settings).map((number) => ({ number, link: transport.open(number) }))
  const [first] = links
  if (!first) return
  const where = Object.entries(transport.details).map(([key, value]) => `${key} ${value}`)
  try {
    const started = context.clock.monotonic()
    await first.link.connect()
    yield { step: 'connect', ok: true, detail: `${where.join(', ')}: ${Math.round(context.clock.monotonic() - started)} ms` }
    yield* testUnits(links, settings, signal)
  } catch (error) {
    yield failedStep('connect', error)
  } finally {
    for (const { link } of links) link.close()
  }
}

interface Tested {
  readonly number: number
  readonly link: Link
}

/** What each unit answers to the blocks that its tags are read with. */
export async function* testUnits(units: readonly Tested[], settings: Polled, signal: AbortSignal): AsyncGenerator<TestStep> {
  for (const { number, link } of units) {
    const blocks = planBlocks(pointsOf(settings.tags, number), settings)
    yield* testBlocks(blocks, units.length > 1 ? `unit ${number}: ` : '', link, signal)
  }
}

async function testPath(path: string): Promise<TestStep> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isCharacterDevice()) return { step: 'path', ok: true, detail: `${path} is a character device` }
  const detail = found ? `${path} is no character device` : `${path} is not there`
  return { step: 'path', ok: false, detail, remedy: 'path must lead to a serial device (see /dev/serial/by-id)' }
}

async function* testBlocks(blocks: readonly Block[], whose: string, link: Link, signal: AbortSignal): AsyncGenerator<TestStep> {
  for (const block of blocks) {
    if (signal.aborted) return
    const step = `${whose}read ${block.kind}:${block.from}${block.to - block.from > 1 ? ` to ${block.to - 1}` : ''}`
    try {
      const answer = await link.read(block.kind, block.from, block.to - block.from)
      if ('data' in answer) yield { step, ok: true, detail: valuesShown(block, answer.data) }
      else {
        const { text, remedy } = explainException(answer.exception)
        yield { step, ok: false, detail: `exception ${answer.exception}: ${text}`, remedy }
      }
    } catch (error) {
      yield failedStep(step, error)
      // What comes after a time-out may belong to this request.
      return
    }
  }
}

function valuesShown(block: Block, data: Buffer): string {
  const shown = block.points
    .slice(0, VALUES_SHOWN_MAX)
    .map((point) => `${point.tag} = ${valueShown(point, data, point.address - block.from)}`)
  const more = block.points.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}

function valueShown(point: Point, data: Buffer, place: number): string {
  const decoder = decoderOf(point)
  const value = decoder.read(data, place)
  if (value === undefined) return undecodableWord(point.type)
  const text = decoder.kind === 'bool' ? String(value === 1) : decoder.kind === 'string' ? JSON.stringify(value) : String(value)
  return point.unit ? `${text} ${point.unit}` : text
}

function failedStep(step: string, error: unknown): TestStep {
  if (!(error instanceof Unreachable)) throw error
  const failed = { step, ok: false, detail: error.message }
  return error.remedy ? { ...failed, remedy: error.remedy } : failed
}
