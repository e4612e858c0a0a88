// N4 of Modbus: frames that are nearly right, to both framers, to whole sources on the three ways, and to the simulated plant's own server.
// Nothing throws or hangs, memory stays, no value is taken from what is no answer, and after it all is read as before. A case is a frame.
import net from 'node:net'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ReadCode, Request } from '../../../src/sources/modbus/channel.ts'
import { startPlant } from '../../../src/plant/index.ts'
import { loadPlan } from '../../../src/plant/presets.ts'
import { isAddressException } from '../../../src/sources/modbus/exceptions.ts'
import { rtuFraming } from '../../../src/sources/modbus/frame.ts'
import { mbapFraming } from '../../../src/sources/modbus/mbap.ts'
import { contextOf, start, until } from '../../sources/modbus/help.ts'
import type { Heard, Way } from '../../sources/modbus/wires.ts'
import { startWire, WAYS } from '../../sources/modbus/wires.ts'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import type { Asked, Frames, Malformed } from './modbus-frames.ts'
import { crcOf, dataOf, malformed, pieces, rightAnswer } from './modbus-frames.ts'

const FRAMER_FRAMES = 5_000
const SOURCES = 4
const SOURCE_FRAMES = 60
const GLUED_MAX = 12
const PLANT_FRAMES = 200
const HANG_MS_MAX = 1_000
const MAD_MS_MAX = 8_000
const BACK_MS_MAX = 60_000

function anyAsked(dice: Dice): Asked {
  const code = 1 + dice.below(4)
  const count = 1 + dice.below(code <= 2 ? 2_000 : 125)
  return { transaction: dice.below(65_536), unit: dice.below(256), code, from: dice.below(30_000), count }
}

/** Asks, hears what is wrong, then what is right: the right data come out, now or of a new connection, and none other. */
function throughFramer(frames: Frames, dice: Dice): void {
  const asked = anyAsked(dice)
  const first = asked.transaction
  const request: Request = { ...asked, code: asked.code as ReadCode, dataBytes: dataOf(asked).length, timeoutMs: 1_000 }
  const framing = frames === 'mbap' ? mbapFraming(first + 65_535) : rtuFraming()
  const sent = framing.ask(request)
  const wrong = malformed(frames, asked, dice)
  const held: Buffer[] = []
  // Over TCP nothing tells a torn frame that another one fills up from a whole one: the time-out ends that connection.
  const isAlone = frames === 'mbap' && wrong.name === 'torn'
  const bytes = isAlone ? wrong.bytes : Buffer.concat([wrong.bytes, rightAnswer(frames, asked)])
  for (const piece of pieces(bytes, dice)) {
    held.push(piece)
    const taken = framing.take(piece)
    if (!taken) continue
    if ('broken' in taken) return
    if ('exception' in taken) {
      if (wrong.name === 'exception' && taken.exception === wrong.bytes.at(frames === 'mbap' ? 8 : 2)) return
      return assertSaid(frames, asked, Buffer.concat(held), Buffer.from([asked.code | 0x80, taken.exception]))
    }
    if (taken.data.equals(dataOf(asked))) return
    return assertSaid(
      frames,
      asked,
      Buffer.concat(held),
      Buffer.concat([Buffer.from([asked.code, taken.data.length]), taken.data]),
    )
  }
  // Behind a frame that promises more than it brings, the right one may be taken for its rest: a time-out, and a new beginning.
  if (sent.length !== (frames === 'mbap' ? 12 : 8)) throw new Error(`a request of ${sent.length} bytes`)
  framing.end()
}

/** What was taken stands in what came, whole and with its CRC: chance made it right. Over TCP nothing but our mutations can, and they do not. */
function assertSaid(frames: Frames, { unit }: Asked, bytes: Buffer, pdu: Buffer): void {
  const body = Buffer.concat([Buffer.from([unit]), pdu])
  const at = bytes.indexOf(body)
  const crc = crcOf(body)
  const isSealed = at >= 0 && bytes[at + body.length] === (crc & 255) && bytes[at + body.length + 1] === crc >> 8
  if (frames === 'rtu' && isSealed) return
  throw new Error(`${pdu.subarray(0, 12).toString('hex')} was taken for an answer out of ${bytes.toString('hex')}`)
}

async function framers({ dice, isOver, case: one }: Round): Promise<void> {
  for (let n = 0; n < FRAMER_FRAMES && !isOver(); n++) {
    const frames = dice.oneOf(['mbap', 'rtu'] as const)
    await one(`a frame to the framer of ${frames}`, async () => throughFramer(frames, dice))
  }
}

const tags = [
  { tag: 'a{n}', register: 'holding:100', type: 'uint16', count: 10, class: 'c' },
  { tag: 'b{n}', register: 'holding:500', type: 'uint16', count: 10, class: 'c' },
]

/** That an address is refused is a right answer, which is remembered. */
function isRefusal(frames: Frames, { name, bytes }: Malformed): boolean {
  return name === 'exception' && isAddressException(bytes[frames === 'mbap' ? 8 : 2] as number)
}

/** A source whose device goes mad for a while. */
async function throughSource(way: Way, round: Round): Promise<void> {
  const { dice, isOver, case: one } = round
  const frames = way === 'modbus-tcp' ? 'mbap' : 'rtu'
  const sent: string[] = []
  const saneAt = performance.now() + MAD_MS_MAX
  const isSane = () => sent.length >= SOURCE_FRAMES || isOver() || performance.now() > saneAt
  const wire = await startWire(way, (heard: Heard) => {
    if (isSane() || !dice.once(3)) return heard.send(rightAnswer(frames, heard))
    for (let n = dice.below(GLUED_MAX); n >= 0; n--) {
      const wrong = malformed(frames, heard, dice)
      if (isRefusal(frames, wrong)) continue
      sent.push(wrong.name)
      heard.send(wrong.bytes)
      if (wrong.name === 'torn') break
    }
  })
  const source = wire.open({ every: '50ms', timeout: '50ms', tags }, contextOf(`mad-${way}-${round.number}`))
  const reading = start(source)
  try {
    const isRight = () => reading.polls.at(-1)?.every((it) => it.quality === 'good') === true
    await until('all was sent', isSane, BACK_MS_MAX)
    const at = reading.polls.length
    await until('good again', () => reading.polls.length > at + 1 && isRight(), BACK_MS_MAX)
    for (const it of reading.polls.flat()) {
      const expected = BigInt((it.tag[0] === 'a' ? 100 : 500) + Number(it.tag.slice(1)))
      if (it.quality === 'good' ? it.value !== expected : it.value !== undefined)
        throw new Error(`${it.tag} is ${it.value}, after ${sent.join(' ')}`)
    }
  } finally {
    await reading.stop()
    await wire.stop()
  }
  for (const name of sent) await one(`${name} to a source, ${way}`, async () => {})
}

/** Requests that are nearly right, to the plant: it hangs up or answers, and goes on serving others. */
async function toThePlant({ dice, dir, isOver, case: one }: Round): Promise<void> {
  const plan = loadPlan(1, { opcuaItems: 0, mqttSensors: 0, modbusDevices: 1, modbusRegisters: 20 })
  const failures: unknown[] = []
  const plant = await startPlant({ plan, dir, modbus: { port: 0 }, failed: (error) => failures.push(error) })
  const port = Object.values(plant.endpoints.modbusPorts ?? {})[0] as number
  try {
    for (let n = 0; n < PLANT_FRAMES && !isOver(); n++) {
      const wrong = malformed('mbap', { ...anyAsked(dice), unit: 1 }, dice)
      await one(`${wrong.name} to the plant`, async () => {
        await said(port, wrong.bytes)
        if (n % 20 === 0 && (await said(port, RIGHT_REQUEST)).length !== RIGHT_ANSWER_BYTES)
          throw new Error('the plant does not answer a right request any more')
        if (failures.length > 0) throw failures[0]
      })
    }
  } finally {
    await plant.stop()
  }
}

const RIGHT_REQUEST = Buffer.from([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2])
const RIGHT_ANSWER_BYTES = 13

/** What a server says to these bytes on a connection of their own, until one of both hangs up. */
async function said(port: number, bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  const socket = net.connect({ port, host: '127.0.0.1' })
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(HANG_MS_MAX * 5) })
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.end(bytes)
  await closed
  return Buffer.concat(chunks)
}

export const n4Modbus: Campaign = {
  id: 'N4-modbus',
  what: 'frames that are nearly right, to framers, sources and the plant',
  short: 50_000,
  long: 5_000_000,
  async run(round) {
    const delay = monitorEventLoopDelay({ resolution: 20 })
    delay.enable()
    await framers(round)
    if (!round.isOver()) {
      const many = WAYS.flatMap((way) => Array.from({ length: way === 'modbus-rtu' ? 1 : SOURCES }, () => way))
      const ended = await Promise.allSettled(many.map((way) => throughSource(way, round)))
      for (const it of ended)
        if (it.status === 'rejected') await round.case('a source after it', async () => Promise.reject(it.reason))
    }
    if (!round.isOver()) await toThePlant(round)
    delay.disable()
    const stalledMs = delay.max / 1e6
    if (stalledMs > HANG_MS_MAX) throw new Error(`the loop stood still for ${Math.round(stalledMs)} ms`)
  },
}
