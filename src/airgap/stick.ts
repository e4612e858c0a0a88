// The stick: a folder of whole files and of parts that are nobody's. Whatever is pulled, killed or full, the next run goes on where this one ended.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { AirgapApi, ExportKey, ExportRequest, Received } from '../core/airgap.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Bytes, Opened } from './container.ts'
import { openFile, readHeader } from './container.ts'
import { isFileName, isReceiptName, numberOf } from './names.ts'
import { nameWhole, PART } from './whole.ts'

const RECEIPT_BYTES_MAX = 1_000_000
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export interface ExportResult {
  readonly files: number
  readonly bytes: number
  /** Readings, aggregates and lines of the ledger. */
  readonly readings: number
  /** Files of this box that were there and whole. */
  readonly found: number
  /** What is wrong with files that are there and not whole. */
  readonly damaged: readonly string[]
}

export interface ReceiptResult {
  readonly file: string
  readonly received?: Received
  /** Why it does not count. */
  readonly refused?: string
  readonly remedy?: string | undefined
}

/** Throws BadInput where there is no such folder. */
export function checkStick(dir: string): void {
  const found = statSync(dir, { throwIfNoEntry: false })
  if (!found) throw new BadInput([{ where: dir, text: 'is not there', remedy: 'is the stick mounted?' }])
  if (!found.isDirectory()) throw new BadInput([{ where: dir, text: 'is no folder' }])
}

/** Writes what is not there yet. Rejects with Unreachable when the stick is full or has gone: what is whole by then stays. */
export async function writeStick(
  dir: string,
  api: Pick<AirgapApi, 'exportFiles' | 'fileIsWhole'>,
  box: ExportKey,
  request: Pick<ExportRequest, 'uplink' | 'isMore' | 'fileBytesMax'>,
  progress: (share: number | null, text: string) => void,
  signal: AbortSignal,
): Promise<ExportResult> {
  const stick = scan(dir, box, progress)
  const result = { files: 0, bytes: 0, readings: 0, found: stick.have.length, damaged: stick.damaged }
  let part: { file: string; handle: FileHandle } | undefined
  try {
    for await (const it of api.exportFiles({ ...request, have: stick.have, nextNumber: stick.nextNumber }, signal)) {
      if (it.kind === 'file') part = await openPart(join(dir, it.name))
      else if (it.kind === 'bytes') {
        await part?.handle.appendFile(it.bytes)
        result.bytes += it.bytes.length
        progress(it.all > 0 ? it.done / it.all : null, `${Math.round(result.bytes / 1e6)} MB written`)
      } else if (part) {
        await part.handle.sync()
        await part.handle.close()
        nameWhole(part.file)
        part = undefined
        await api.fileIsWhole(it.manifest)
        result.files++
        result.readings += it.readings
      }
    }
    return result
  } catch (error) {
    throw ofStick(error, dir, result)
  } finally {
    if (part) await giveUp(part)
  }
}

async function openPart(file: string): Promise<{ file: string; handle: FileHandle }> {
  return { file, handle: await open(file + PART, 'w', 0o600) }
}

async function giveUp({ file, handle }: { file: string; handle: FileHandle }): Promise<void> {
  await handle.close().catch(() => undefined)
  try {
    rmSync(file + PART, { force: true })
  } catch {
    // A stick that has gone keeps it; the next run takes it away.
  }
}

function ofStick(error: unknown, dir: string, { files, readings }: Pick<ExportResult, 'files' | 'readings'>): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) return error
  const whole = `${files} files with ${readings} readings are whole`
  if (FULL.has(code)) {
    const remedy =
      'take an empty stick and run it again with --more, or let this one be imported and bring its receipt back first'
    return new Unreachable('stick-full', `${dir}: the stick is full; ${whole}`, { cause: error, remedy })
  }
  const remedy = 'put it back and run the same again: it goes on behind what is whole'
  return new Unreachable('stick-gone', `${dir}: the stick cannot be written (${code}); ${whole}`, { cause: error, remedy })
}

interface Stick {
  readonly have: readonly string[]
  readonly nextNumber: number
  readonly damaged: readonly string[]
}

/** Reads every file of this box. Parts of an export that was cut off are taken away, and of receipts: their import writes them again. */
function scan(dir: string, { device, key }: ExportKey, progress: (share: number | null, text: string) => void): Stick {
  const names = readdirSync(dir)
  for (const name of names) if (isPart(name)) rmSync(join(dir, name), { force: true })
  const files = names.filter(isFileName)
  const have: string[] = []
  const damaged: string[] = []
  for (const [at, name] of files.entries()) {
    progress(at / files.length, 'reading what is there')
    try {
      const found = withFile(join(dir, name), (bytes) => {
        const { header } = readHeader(bytes)
        return header.device === device && header.key === key ? openFile(bytes) : undefined
      })
      if (found) have.push(Buffer.from(found.manifest).toString('base64'))
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      damaged.push(error.message)
    }
  }
  return { have, damaged, nextNumber: Math.max(0, ...files.map(numberOf)) + 1 }
}

function isPart(name: string): boolean {
  const whole = name.slice(0, -PART.length)
  return name.endsWith(PART) && (isFileName(whole) || isReceiptName(whole))
}

function withFile<T>(file: string, use: (bytes: Bytes) => T): T {
  const fd = openSync(file, 'r')
  try {
    return use({
      name: file,
      size: fstatSync(fd).size,
      read(at, length) {
        const bytes = Buffer.allocUnsafe(length)
        let done = 0
        while (done < length) {
          const count = readSync(fd, bytes, done, length - done, at + done)
          if (count === 0) break
          done += count
        }
        return bytes.subarray(0, done)
      },
    })
  } finally {
    closeSync(fd)
  }
}

/** A file in memory, proven. Throws BadInput. */
export function openWhole(file: string, bytesMax: number): Opened & { readonly bytes: Uint8Array } {
  const { size } = statSync(file)
  if (size > bytesMax)
    throw new BadInput([{ where: file, text: `has ${size} bytes, and a file of an export has ${bytesMax} at most` }])
  const bytes = readFileSync(file)
  return {
    ...openFile({ name: file, size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }),
    bytes,
  }
}

/** Hands in every receipt that lies on the stick, but those for other boxes. */
export async function handInReceipts(dir: string, api: Pick<AirgapApi, 'takeReceipt'>, device: string): Promise<ReceiptResult[]> {
  const results: ReceiptResult[] = []
  for (const name of readdirSync(dir).filter(isReceiptName).toSorted()) {
    const file = join(dir, name)
    if (statSync(file).size > RECEIPT_BYTES_MAX) {
      results.push({ file, refused: 'it is larger than any receipt' })
      continue
    }
    const text = readFileSync(file, 'utf8')
    if (isForAnother(text, device)) continue
    try {
      results.push({ file, received: await api.takeReceipt(text) })
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      results.push({ file, refused: error.problems.map((it) => it.text).join('; '), remedy: error.problems[0]?.remedy })
    }
  }
  return results
}

/** By its own word: a stick goes round many boxes. */
function isForAnother(text: string, device: string): boolean {
  try {
    const { device: named } = JSON.parse(text.split('\n')[0] ?? '') as { device?: unknown }
    return typeof named === 'string' && named !== device
  } catch {
    return false
  }
}
