// The box's side of an export: what an uplink does not have, file after file, and what receipts say of it.
//
//   log ─next─► units ─► frames ─► age ─► file, signed ─► whoever writes it
//                                              ▲
//                          given out, durable ─┘   (only then is a file whole)
//
// A reading that was given out is not delivered by that: it stays until a receipt comes, or retention needs its room.
import { ReadableStream } from 'node:stream/web'
import type { AirgapApi, ExportPiece, ExportRequest, GivenOut, GivingLog, ReceivingLog } from '../core/airgap.ts'
import { exportOf } from '../core/airgap.ts'
import { BadInput } from '../core/errors.ts'
import { countOf, difference, withInterval } from '../core/intervals.ts'
import type { Lane, Taken } from '../core/log.ts'
import type { ExportSettings } from '../core/settings.ts'
import type { Clock } from '../core/source.ts'
import type { StreamIntervals, StreamRange } from '../core/stream.ts'
import { streamOf } from '../core/stream.ts'
import { sealFile } from './container.ts'
import { frameWriter } from './frames.ts'
import type { SigningKey } from './keys.ts'
import type { Manifest } from './manifest.ts'
import { openManifest, sealManifest } from './manifest.ts'
import { fileName } from './names.ts'
import { readReceipt } from './receipt.ts'

export interface GiveParts {
  readonly log: GivingLog & ReceivingLog
  /** Made with the first call. */
  readonly key: () => SigningKey
  readonly device: string
  readonly site: string
  readonly clock: Pick<Clock, 'now'>
  epoch(): Promise<string>
  /** Undefined: the settings say nothing of it. */
  readonly settings: ExportSettings | undefined
  /** Classes that an uplink does not serve; undefined where there is no such uplink. */
  exceptOf(uplink: string): readonly string[] | undefined
}

const UNIT_BYTES_MAX = 4_000_000
const UNIT_READINGS_MAX = 200_000
/** A file has room for some units. */
const unitBytesMax = (fileBytesMax: number) => Math.min(UNIT_BYTES_MAX, Math.ceil(fileBytesMax / 4))
/** Encrypted chunks go out together. */
const PIECE_BYTES = 262_144
/** While readings come in there is always more: the live lane is asked so often at the end. */
const LIVE_ROUNDS_MAX = 3

export function airgapApi(parts: GiveParts): AirgapApi {
  let isBusy = false
  return {
    async exportKey() {
      return { device: parts.device, epoch: await parts.epoch(), key: parts.key().public, uplink: parts.settings?.uplink ?? null }
    },
    async *exportFiles(request, signal) {
      const plan = planOf(parts, request)
      if (isBusy) throw wrong('export', 'another export is under way', 'wait for its end')
      isBusy = true
      try {
        yield* give(parts, plan, request, signal)
      } finally {
        await parts.log.end(plan.uplink)
        isBusy = false
      }
    },
    async fileIsWhole(text) {
      const { uplink, ranges } = manifestOf(text, parts.key())
      if (parts.exceptOf(uplink)) await parts.log.whole(uplink, ranges)
    },
    async takeReceipt(text) {
      if (!parts.settings?.receipts)
        throw wrong(
          'export.receipts',
          'the settings name no key whose receipts count',
          'set export.receipts to the importer’s key',
        )
      const receipt = readReceipt(text, parts.settings.receipts)
      const { device, uplink } = receipt
      if (device !== parts.device) throw wrong('the receipt', `it is for the box ${device}, and this is ${parts.device}`)
      if (!parts.exceptOf(uplink)) throw wrong('the receipt', `it is for the uplink ${uplink}, which the settings do not have`)
      return parts.log.receive(receipt)
    },
  }
}

interface Plan {
  readonly key: SigningKey
  readonly uplink: string
  readonly to: readonly string[]
  readonly except: readonly string[]
  readonly have: StreamIntervals
}

function planOf({ settings, exceptOf, key: ownKey }: GiveParts, request: ExportRequest): Plan {
  if (!settings)
    throw wrong(
      'export',
      'the settings name nobody who could read it',
      'add export: { to: [age1…], receipts: "ed25519:…", uplink: NAME }',
    )
  const uplink = request.uplink ?? settings.uplink
  const except = exceptOf(uplink)
  if (!except) throw wrong('--uplink', `there is no uplink ${uplink}`)
  const key = ownKey()
  const have = new Map<string, ReturnType<typeof withInterval>>()
  for (const it of request.have) {
    const manifest = manifestOf(it, key)
    if (manifest.uplink === uplink)
      for (const { stream, from, to } of manifest.ranges) have.set(stream, withInterval(have.get(stream) ?? [], from, to))
  }
  return { key, uplink, to: settings.to, except, have }
}

function manifestOf(text: string, key: SigningKey): Manifest {
  const manifest = openManifest(Buffer.from(text, 'base64'), key)
  if (!manifest) throw wrong('the files', 'one of them was not given out by this box')
  return manifest
}

async function* give(parts: GiveParts, plan: Plan, request: ExportRequest, signal: AbortSignal): AsyncGenerator<ExportPiece> {
  await parts.log.whole(plan.uplink, rangesOf(plan.have))
  const before = await parts.log.begin(plan.uplink, plan.have, request.isMore)
  const all = await toGive(parts, plan, before)
  const units = unitsOf(parts.log, plan, request.fileBytesMax, signal)
  let done = 0
  for (let number = request.nextNumber; ; number++) {
    const first = await units.next()
    if (first.done) return
    const file = await fileOf(parts, plan, before, number, request.fileBytesMax, first.value, units)
    yield { kind: 'file', name: file.name }
    for await (const bytes of pieces(file.bytes)) yield { kind: 'bytes', bytes, done: Math.min(all, done + file.given()), all }
    done += file.given()
    yield { kind: 'end', readings: file.given(), manifest: file.manifest() }
  }
}

/** How much there is to give now. */
async function toGive({ log }: GiveParts, { except }: Plan, { start }: { start: StreamIntervals }): Promise<number> {
  const heads = Object.entries(await log.heads()).filter(([key]) => !except.includes(streamOf(key).class))
  return heads.reduce((sum, [key, { next }]) => sum + countOf(difference([{ from: 0, to: next }], start.get(key) ?? [])), 0)
}

/** Lines of the ledger first, then all that was there at the beginning, then what has come meanwhile. */
async function* unitsOf(
  log: GivingLog,
  { uplink, except }: Plan,
  fileBytesMax: number,
  signal: AbortSignal,
): AsyncGenerator<Taken> {
  const request = { uplink: exportOf(uplink), except, bytesMax: unitBytesMax(fileBytesMax), readingsMax: UNIT_READINGS_MAX }
  async function* lane(name: Lane, rounds: number): AsyncGenerator<Taken> {
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted()
      const taken = await log.next({ ...request, lane: name })
      if (taken.ranges.length === 0) return
      yield taken
    }
  }
  yield* lane('live', LIVE_ROUNDS_MAX)
  yield* lane('backlog', Infinity)
  yield* lane('live', LIVE_ROUNDS_MAX)
}

interface GivenFile {
  readonly name: string
  readonly bytes: AsyncIterable<Uint8Array>
  /** Numbers in it so far. */
  given(): number
  /** Once all bytes are out. */
  manifest(): string
}

async function fileOf(
  { log, device, site, clock, epoch: epochNow }: GiveParts,
  { key, uplink, to }: Plan,
  { position }: GivenOut,
  number: number,
  bytesMax: number,
  first: Taken,
  units: AsyncGenerator<Taken>,
): Promise<GivenFile> {
  const epoch = await epochNow()
  const { transaction, inDoubt } = position
  const head = { version: 1, device, site, epoch, uplink, number, at: clock.now(), transaction, inDoubt } as const
  const given = new Map<string, ReturnType<typeof withInterval>>()
  const frames = frameWriter()
  const heads = await log.heads()
  let sealed: Buffer = Buffer.alloc(0)

  async function* content(): AsyncGenerator<Uint8Array> {
    yield frames.head({ ...head, delivered: [...position.delivered], heads })
    let bytes = 0
    for (let unit: Taken | undefined = first; unit; ) {
      for (const frame of frames.unit(unit)) {
        bytes += frame.length
        yield frame
      }
      for (const { stream, from, to: end } of unit.ranges) given.set(stream, withInterval(given.get(stream) ?? [], from, end))
      if (bytes > bytesMax - unitBytesMax(bytesMax)) break
      const next: IteratorResult<Taken> = await units.next()
      unit = next.done ? undefined : next.value
    }
    yield frames.end()
  }

  async function manifest(): Promise<Uint8Array> {
    const ranges = rangesOf(given)
    await log.give(uplink, ranges)
    sealed = sealManifest({ uplink, ranges }, key)
    return sealed
  }

  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  try {
    for (const it of to) encrypter.addRecipient(it)
  } catch (cause) {
    throw wrong('export.to', `a recipient cannot be used: ${(cause as Error).message}`)
  }
  const ciphertext = await encrypter.encrypt(
    ReadableStream.from(content()) as Parameters<typeof encrypter.encrypt>[0] & ReadableStream,
  )
  return {
    name: fileName(device, epoch, number),
    bytes: sealFile({ device, key: key.public, number }, key, ciphertext as unknown as AsyncIterable<Uint8Array>, manifest),
    manifest: () => sealed.toString('base64'),
    given: () => [...given.values()].reduce((sum, it) => sum + countOf(it), 0),
  }
}

const rangesOf = (set: StreamIntervals): StreamRange[] =>
  [...set].flatMap(([stream, all]) => all.map(({ from, to }) => ({ stream, from, to })))

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    held.push(chunk)
    bytes += chunk.length
    if (bytes < PIECE_BYTES) continue
    yield Buffer.concat(held)
    held = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(held)
}

function wrong(where: string, text: string, remedy?: string): BadInput {
  return new BadInput([{ where, text, ...(remedy !== undefined && { remedy }) }])
}
