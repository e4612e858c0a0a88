// Files of an export into Kafka, on any machine: as the box's own uplink, so that nothing can be there twice.
//
//   file ─► signature of a box that is trusted? ─► decrypt ─► units ─► airgap/take ─► the uplink's own sending ─► Kafka ─► receipt
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import type { Head } from './airgap/frames.ts'
import { readFrames } from './airgap/frames.ts'
import type { SigningKey } from './airgap/keys.ts'
import { readSigningKey } from './airgap/keys.ts'
import { isFileName, numberOf, receiptName } from './airgap/names.ts'
import { writeReceipt } from './airgap/receipt.ts'
import { checkStick, openWhole } from './airgap/stick.ts'
import type { Taker } from './airgap/take.ts'
import { taker } from './airgap/take.ts'
import { writeWhole } from './airgap/whole.ts'
import type { ImportRequest, ImportResult, ImportedBox } from './commands/command.ts'
import { EXPORT_FILE_BYTES_MAX } from './core/bounds.ts'
import { BadInput } from './core/errors.ts'
import { streamOf } from './core/stream.ts'
import type { UplinkContext } from './core/uplink.ts'
import { uplinkKind } from './uplinks/index.ts'
import { systemClock } from './workers/clock.ts'

/** Beside the ciphertext: header, manifest, age's own. */
const FILE_BYTES_MAX = EXPORT_FILE_BYTES_MAX + 8_000_000
const CHUNK_BYTES = 262_144
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

interface Box extends ImportedBox {
  readonly taker: Taker
  readonly files: Record<string, string>
  readings: number
  there: number
  head: Head
}

/** Rejects with Blocked or Unreachable where the destination does not take it. What is wrong with a file is told, and the others go on. */
export async function importFiles(request: ImportRequest, signal: AbortSignal): Promise<ImportResult> {
  const identity = readIdentity(request.identity)
  const receiptKey = request.receiptKey === undefined ? undefined : readSigningKey(request.receiptKey)
  const files = request.paths.flatMap(filesOf)
  if (files.length === 0)
    throw new BadInput([
      { where: request.paths.join(', '), text: 'there is no file of an export', remedy: 'they are named holdfast-….hfx' },
    ])
  const boxes = new Map<string, Box>()
  const refused: ImportResult['refused'][number][] = []
  try {
    for (const [at, file] of files.entries()) {
      signal.throwIfAborted()
      try {
        await importFile(file, identity, request, boxes, at / files.length, signal)
      } catch (error) {
        if (!(error instanceof BadInput)) throw error
        refused.push(...error.problems)
      }
    }
    const receipts: string[] = []
    for (const box of boxes.values()) {
      const receipt = await finish(box, receiptKey, request.receipts ?? dirname(files[0] as string))
      if (receipt !== undefined) receipts.push(receipt)
    }
    return { boxes: [...boxes.values()].map(plain), refused, receipts }
  } finally {
    for (const it of boxes.values()) await it.taker.close()
  }
}

const plain = ({ device, uplink, readings, there, files }: Box): ImportedBox & { files: Readonly<Record<string, string>> } => ({
  device,
  uplink,
  readings,
  there,
  files,
})

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) checkStick(path)
  if (!found?.isDirectory()) return [path]
  const names = readdirSync(path).filter(isFileName)
  return names.toSorted((a, b) => numberOf(a) - numberOf(b) || (a < b ? -1 : 1)).map((it) => join(path, it))
}

function readIdentity(file: string): string {
  const remedy = 'it must hold a line AGE-SECRET-KEY-1…, as age-keygen or import DIR --new-keys writes it'
  try {
    const found = readFileSync(file, 'utf8')
      .split('\n')
      .find((it) => it.startsWith('AGE-SECRET-KEY-1'))
    if (found !== undefined) return found.trim()
  } catch (error) {
    throw new BadInput([{ where: file, text: `cannot be read: ${(error as NodeJS.ErrnoException).code}`, remedy }])
  }
  throw new BadInput([{ where: file, text: 'holds no age identity', remedy }])
}

async function importFile(
  file: string,
  identity: string,
  request: ImportRequest,
  boxes: Map<string, Box>,
  share: number,
  signal: AbortSignal,
): Promise<void> {
  const { header, bytes, from, to, sha256 } = openWhole(file, FILE_BYTES_MAX)
  const trusted = request.boxKeys.get(header.device)
  if (trusted !== header.key) {
    const text =
      trusted === undefined
        ? `is from the box ${header.device}, whose key is not known here`
        : `is signed by another key than that of ${header.device}`
    throw new BadInput([
      { where: file, text, remedy: 'ask the box for it (holdfast export key) and name it with --box-key DEVICE=ed25519:…' },
    ])
  }
  try {
    const { head, units } = await readFrames(await decrypted(file, bytes.subarray(from, to), identity))
    if (head.device !== header.device) throw new RangeError(`it speaks of the box ${head.device}`)
    const box = await boxOf(boxes, head, request, signal)
    for await (const unit of units) {
      await box.taker.take(head, unit)
      const { sent, there } = box.taker.counts
      request.progress(share, `${sent} sent, ${there} were there`)
    }
    box.files[file.slice(dirname(file).length + 1)] = sha256
  } catch (error) {
    // A position that is too long is a RangeError too, but of another kind of file: too many holes.
    if (error instanceof RangeError) throw new BadInput([{ where: file, text: `cannot be taken: ${error.message}` }])
    throw error
  }
}

async function decrypted(file: string, bytes: Uint8Array, identity: string): Promise<AsyncIterable<Uint8Array>> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
  }
  try {
    decrypter.addIdentity(identity)
    const opened = await decrypter.decrypt(ReadableStream.from(chunks()) as never)
    return opened as unknown as AsyncIterable<Uint8Array>
  } catch (cause) {
    const remedy = 'export.to in the settings of the box says for whom it was written'
    throw new BadInput([{ where: file, text: `cannot be decrypted with this identity: ${(cause as Error).message}`, remedy }])
  }
}

/** One taker for each box and uplink: its transactional id is theirs. */
async function boxOf(boxes: Map<string, Box>, head: Head, request: ImportRequest, signal: AbortSignal): Promise<Box> {
  const name = `${head.device} ${head.uplink}`
  const found = boxes.get(name)
  if (found) {
    if (head.number > found.head.number) found.head = head
    return found
  }
  const { uplink } = request
  const kind = await uplinkKind(uplink.kind)
  const context: UplinkContext = {
    name: head.uplink,
    device: head.device,
    site: head.site,
    records: uplink.records,
    encoding: uplink.encoding,
    classes: [...new Set(Object.keys(head.heads).map((it) => streamOf(it).class))],
    log: SILENT,
    clock: systemClock(),
  }
  const box: Box = {
    device: head.device,
    uplink: head.uplink,
    taker: taker({
      open: () => kind.open(uplink.settings, context),
      history: (how) => kind.history(uplink.settings, context, how, signal),
      signal,
      retried: (error) => request.retried((error as Error).message),
    }),
    files: {},
    readings: 0,
    there: 0,
    head,
  }
  boxes.set(name, box)
  return box
}

/** The path of the receipt; undefined where there is no key to sign it. */
async function finish(box: Box, key: SigningKey | undefined, dir: string): Promise<string | undefined> {
  const said = await box.taker.finish(box.head)
  box.readings = box.taker.counts.sent
  box.there = box.taker.counts.there
  if (!key) return undefined
  const { device, uplink, files } = box
  const taken = readdirSync(dir).map(numberOf)
  const path = join(dir, receiptName(device, uplink, Math.max(0, ...taken) + 1))
  writeWhole(path, writeReceipt({ device, uplink, at: systemClock().now(), files, ...said }, key))
  return path
}
