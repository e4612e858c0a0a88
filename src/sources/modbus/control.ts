// Values that somebody sets: one request to write, never sent a second time, whatever becomes of it. Coils and holding registers; what the settings of
// the source allow is looked at before (cloud-commands/limits.ts).
import type { Control } from '../../core/cloud-command.ts'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Value } from '../../core/reading.ts'
import { decoderOf } from './decode.ts'
import { encode } from './encode.ts'
import { explainException } from './exceptions.ts'
import type { Answer, Link } from './link.ts'
import type { TagLine } from './registers.ts'
import { isBitKind, pointsOf, type Point } from './registers.ts'
import { unwritable } from './writable.ts'

/** Before anything was done: function, address or value are not the device's, or it is busy. After any other nobody knows. */
const NOTHING_DONE = new Set([1, 2, 3, 6])

interface UnitLink {
  readonly number: number
  readonly link: Link
}

export function controlOf(units: readonly UnitLink[], tags: readonly TagLine[]): Control {
  function find(tag: string): { point: Point; link: Link } {
    for (const { number, link } of units) {
      const point = pointsOf(tags, number).find((it) => it.tag === tag)
      if (point) return { point, link }
    }
    throw wrong(tag, 'the source has no such tag')
  }

  async function read(tag: string): Promise<Value> {
    const { point, link } = find(tag)
    const answer = dataOf(point, await link.read(point.kind, point.address, point.width))
    return decoded(point, answer)
  }

  function meant(tag: string, value: Value): { point: Point; link: Link; data: Buffer } {
    const found = find(tag)
    const problem = unwritable(found.point)
    if (problem !== undefined) throw wrong(tag, problem)
    return { ...found, data: encode(found.point, value) }
  }

  return {
    read,
    async prepare(tag, value) {
      const { point, data } = meant(tag, value)
      return { from: await read(tag), to: decoded(point, data) }
    },
    async write(tag, value) {
      const { point, link, data } = meant(tag, value)
      dataOf(point, await link.write(point.kind === 'coil' ? 'coil' : 'holding', point.address, data))
    },
  }
}

function decoded(point: Point, data: Buffer): Value {
  const decoder = decoderOf(point)
  const value = decoder.read(data, 0)
  if (value === undefined) throw wrong(point.tag, `what stands there is no ${point.type.name}`)
  return decoder.kind === 'bool' ? value === 1 : value
}

function dataOf(point: Point, answer: Answer): Buffer {
  if ('data' in answer) return isBitKind(point.kind) ? answer.data : Buffer.from(answer.data.subarray(0, point.width * 2))
  const { text, remedy } = explainException(answer.exception)
  const said = `the device answers with exception ${answer.exception}: ${text}`
  if (NOTHING_DONE.has(answer.exception)) throw wrong(point.tag, said)
  throw new Unreachable(`exception-${answer.exception}`, said, { remedy })
}

function wrong(tag: string, text: string): BadInput {
  return new BadInput([{ where: tag, text }])
}
