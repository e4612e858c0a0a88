// What shim.c wrote down, as operations in their order.
import { readFileSync } from 'node:fs'

export type Operation =
  | { readonly op: 'open'; readonly fd: number; readonly flags: number; readonly path: string }
  | { readonly op: 'close'; readonly fd: number }
  | { readonly op: 'write'; readonly fd: number; readonly offset: number; readonly data: Buffer }
  | { readonly op: 'truncate'; readonly fd: number; readonly length: number }
  /** `error` 0: the device says that all is on it. */
  | { readonly op: 'flush'; readonly fd: number; readonly error: number }
  | { readonly op: 'unlink' | 'mkdir' | 'rmdir'; readonly path: string }
  | { readonly op: 'rename'; readonly path: string; readonly to: string }
  | { readonly op: 'mark'; readonly text: string }

const HEADER_BYTES = 32

/** A record that the end of the process cut off is left out. Throws where something happened that the model of a disk does not know. */
export function readTrace(file: string): Operation[] {
  const bytes = readFileSync(file)
  const found: Operation[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const first = bytes.readUInt32LE(at + 12)
    const second = bytes.readUInt32LE(at + 16)
    const end = at + HEADER_BYTES + first + second
    if (end > bytes.length) break
    const parts = [bytes.subarray(at + HEADER_BYTES, end - second), bytes.subarray(end - second, end)] as const
    found.push(
      operation(
        String.fromCharCode(bytes[at] as number),
        bytes.readInt32LE(at + 4),
        bytes.readInt32LE(at + 8),
        Number(bytes.readBigUInt64LE(at + 24)),
        parts,
      ),
    )
    at = end
  }
  return found
}

function operation(op: string, fd: number, error: number, offset: number, [first, second]: readonly [Buffer, Buffer]): Operation {
  switch (op) {
    case 'O':
      return { op: 'open', fd, flags: offset, path: first.toString() }
    case 'C':
      return { op: 'close', fd }
    case 'W':
      return { op: 'write', fd, offset, data: first }
    case 'T':
      return { op: 'truncate', fd, length: offset }
    case 'F':
      return { op: 'flush', fd, error }
    case 'U':
      return { op: 'unlink', path: first.toString() }
    case 'D':
      return { op: 'mkdir', path: first.toString() }
    case 'd':
      return { op: 'rmdir', path: first.toString() }
    case 'R':
      return { op: 'rename', path: first.toString(), to: second.toString() }
    case 'M':
      return { op: 'mark', text: first.toString() }
    default:
      throw new Error(`the trace holds '${op}' ${first.toString()}: the model of a disk does not know it`)
  }
}
